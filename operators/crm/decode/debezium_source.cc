#include "crm/decode/debezium_source.h"

#include "crm/decode/order/debezium_order.h"
#include "crm/mapping/field_limits.h"

namespace millrace::crm {
namespace {

using simdjson::dom::object;

/// Empty when it is missing, null or no string.
std::string_view text_of(object members, std::string_view name) {
  std::string_view text;
  return members[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

std::string_view entity_name(object source, KeptTexts& texts) {
  std::string_view home = text_of(source, "schema");
  if (home.empty()) home = text_of(source, "db");
  std::string_view table = text_of(source, "table");
  if (table.empty()) table = text_of(source, "collection");
  if (home.empty() || table.empty()) return {};
  return texts.keep(std::string(home).append(1, '.').append(table));
}

}  // namespace

Result<DebeziumSource> read_debezium_source(const JsonDocument& document, const JsonPlace& place,
                                            object envelope, const TopicMapping& mapping,
                                            KeptTexts& texts) {
  const JsonPlace source_place = place.member("source");
  object source;
  if (envelope["source"].get(source) != simdjson::SUCCESS) {
    return document.fault(source_place, "must be an object");
  }
  DebeziumSource read;
  int64_t time_ms = 0;
  if (source["ts_ms"].get(time_ms) != simdjson::SUCCESS || time_ms < 0) {
    return document.fault(source_place.member("ts_ms"), "must be a non-negative integer");
  }
  read.entity_name = entity_name(source, texts);
  read.is_collection = !text_of(source, "collection").empty();
  if (!is_field_name(read.entity_name)) {
    return document.fault(source_place, "must name a schema or database and a table");
  }
  read.snapshot = snapshot_mark(source);
  read.version = debezium_version(envelope, source, time_ms, mapping, texts);
  if (!read.version.transaction_key.empty() && !is_field_name(read.version.transaction_key)) {
    return document.fault(source_place, "has a transaction id that is too long");
  }
  if (!check_version(read.version).ok()) {
    return document.fault(source_place.member("name"), "is too long or has a zero byte");
  }
  return read;
}

}  // namespace millrace::crm
