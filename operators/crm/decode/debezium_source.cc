#include "crm/decode/debezium_source.h"

#include <array>
#include <charconv>
#include <optional>

#include "crm/decode/field_limits.h"

namespace millrace::crm {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr int kDecimal = 10;
constexpr int kHex = 16;

/// Empty when it is missing, null or no string.
std::string_view text_of(object members, std::string_view name) {
  std::string_view text;
  return members[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

std::optional<uint64_t> parse_number(std::string_view text, int base) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// A number, or a string of digits as some connectors write large ones.
std::optional<uint64_t> number_of(object members, std::string_view name) {
  uint64_t number = 0;
  if (members[name].get(number) == simdjson::SUCCESS) return number;
  return parse_number(text_of(members, name), kDecimal);
}

/// MySQL: the number at the end of "mysql-bin.000003", then the position in that file.
std::optional<uint64_t> binlog_place(object source) {
  constexpr int kPositionBits = 32;
  const std::string_view file = text_of(source, "file");
  const auto number = parse_number(file.substr(file.rfind('.') + 1), kDecimal);
  const auto position = number_of(source, "pos");
  if (!number || !position) return std::nullopt;
  return (*number << kPositionBits) | (*position & 0xffffffff);
}

/// SQL Server: "00000027:00000758:0003", in hexadecimal: file, block (32 bits), slot (16 bits).
std::optional<uint64_t> sql_server_place(object source) {
  constexpr int kSlotBits = 16;
  constexpr int kBlockBits = 32;
  const std::string_view lsn = text_of(source, "change_lsn");
  const size_t first = lsn.find(':');
  const size_t second = lsn.rfind(':');
  if (first == std::string_view::npos || first == second) return std::nullopt;
  const auto file = parse_number(lsn.substr(0, first), kHex);
  const auto block = parse_number(lsn.substr(first + 1, second - first - 1), kHex);
  const auto slot = parse_number(lsn.substr(second + 1), kHex);
  if (!file || !block || !slot) return std::nullopt;
  return (*file << (kBlockBits + kSlotBits)) | (*block << kSlotBits) | *slot;
}

int64_t sequence_number(object source) {
  std::optional<uint64_t> place = number_of(source, "lsn");
  if (!place) place = binlog_place(source);
  if (!place) place = sql_server_place(source);
  if (!place) place = number_of(source, "scn");
  if (!place) place = number_of(source, "ord");
  // It only orders what has the same time, so the lowest 63 bits will do.
  return static_cast<int64_t>(place.value_or(0) & INT64_MAX);
}

std::string_view transaction_key(object source, object envelope, TextArena& texts) {
  object block;
  if (envelope["transaction"].get(block) == simdjson::SUCCESS) {
    if (const std::string_view id = text_of(block, "id"); !id.empty()) return id;
  }
  element id;
  if (source["txId"].get(id) == simdjson::SUCCESS && !id.is_object()) {
    if (const auto text = leaf_text(id, texts)) return *text;
  }
  return text_of(source, "gtid");
}

std::string_view entity_name(object source, TextArena& texts) {
  std::string_view home = text_of(source, "schema");
  if (home.empty()) home = text_of(source, "db");
  std::string_view table = text_of(source, "table");
  if (table.empty()) table = text_of(source, "collection");
  if (home.empty() || table.empty()) return {};
  return texts.keep(std::string(home).append(1, '.').append(table));
}

}  // namespace

Result<DebeziumSource> read_debezium_source(const JsonDocument& document, const JsonPlace& place,
                                            object envelope, TextArena& texts) {
  const JsonPlace source_place = place.member("source");
  object source;
  if (envelope["source"].get(source) != simdjson::SUCCESS) {
    return document.fault(source_place, "must be an object");
  }
  DebeziumSource read;
  int64_t& time_ms = read.version.commit_timestamp_ms;
  if (source["ts_ms"].get(time_ms) != simdjson::SUCCESS || time_ms < 0) {
    return document.fault(source_place.member("ts_ms"), "must be a non-negative integer");
  }
  read.entity_name = entity_name(source, texts);
  if (!is_field_name(read.entity_name)) {
    return document.fault(source_place, "must name a schema or database and a table");
  }
  read.version.sequence_number = sequence_number(source);
  read.version.transaction_key = transaction_key(source, envelope, texts);
  if (!read.version.transaction_key.empty() && !is_field_name(read.version.transaction_key)) {
    return document.fault(source_place, "has a transaction id that is too long");
  }
  return read;
}

}  // namespace millrace::crm
