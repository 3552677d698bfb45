#include "apps/cli/topic_load.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/core/partitioner.h"

#include "apps/tools/flat_json.h"
#include "apps/tools/topic_writer.h"
#include "crm/account_topology.h"
#include "crm/checks/input_checks.h"
#include "crm/model/composite_key.h"

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDepthMax = 64;

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Error invalid(std::string message) {
  return {ErrorCode::kInvalidRecord, std::move(message)};
}

/// The checks of the program that reads a topic on its keys and values, beyond their type.
struct Checks {
  std::function<Status(Bytes)> key{};
  std::function<Status(Bytes)> value{};
};

Checks checks_of(std::string_view topic) {
  if (topic == crm::kAccounts.name) return {.value = &crm::validate_account_change};
  if (topic == crm::kMergeFacts.name) return {.value = &crm::validate_merge_fact};
  if (topic == crm::kErasures.name) return {.value = &crm::validate_erasure};
  for (const TopicUse& table : crm::territory_tables()) {
    if (table.name == topic) return {table.key.validate, table.value.validate};
  }
  return {};
}

Status check(const std::function<Status(Bytes)>& check, const std::optional<std::string>& bytes) {
  return !check || !bytes ? Status() : check(Bytes(*bytes));
}

struct LoadedRecord {
  std::optional<std::string> key;
  std::optional<std::string> value;
  int64_t timestamp_ms = 0;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
};

/// Says in which part of the record the fault is.
Status in(std::string_view part, const Status& status) {
  if (status.ok()) return {};
  return Error{status.code(), fmt::format("{}: {}", part, status.message())};
}

template <class T>
Status take(std::string_view part, Result<T> from, T& to) {
  if (!from.ok()) return in(part, from.status());
  to = *std::move(from);
  return {};
}

/// Lines to records.
class LineReader {
 public:
  LineReader(const KnownType* type, std::string_view topic) : checks_(checks_of(topic)) {
    if (type != nullptr) tables_.emplace(*type);
  }

  Result<LoadedRecord> read(std::string_view line) {
    const auto not_deeper = [](int depth, Json::parse_event_t, Json&) {
      if (depth > kDepthMax) throw std::length_error("it is nested too deeply");
      return true;
    };
    try {
      return record_of(Json::parse(line, not_deeper));
    } catch (const Json::exception& error) {
      return invalid(fmt::format("no JSON: {}", error.what()));
    } catch (const std::length_error& error) {
      return invalid(error.what());
    }
  }

 private:
  Result<LoadedRecord> record_of(const Json& json) {
    constexpr std::array<std::string_view, 6> kMembers{"key",          "value",   "partition",
                                                       "timestamp_ms", "headers", "offset"};
    if (!json.is_object()) return invalid("no JSON object");
    for (const auto& [name, member] : json.items()) {
      if (std::ranges::find(kMembers, name) == kMembers.end()) {
        return invalid(fmt::format("unknown member '{}'", name));
      }
    }
    if (!json.contains("key")) return invalid("no key");
    if (!json.contains("value")) return invalid("no value; null stands for a tombstone");
    LoadedRecord record;
    MILLRACE_RETURN_IF_ERROR(take("key", bytes_of_json(json["key"]), record.key));
    MILLRACE_RETURN_IF_ERROR(take("value", value_of(json["value"]), record.value));
    MILLRACE_RETURN_IF_ERROR(in("key", check(checks_.key, record.key)));
    MILLRACE_RETURN_IF_ERROR(in("value", check(checks_.value, record.value)));
    if (!record.key && !record.value) return invalid("neither key nor value");
    MILLRACE_RETURN_IF_ERROR(take("timestamp_ms", time_of(json), record.timestamp_ms));
    for (const Json& header : json.value("headers", Json::array())) {
      if (!header.is_array() || header.size() != 2 || !header[0].is_string()) {
        return invalid("headers: not pairs of name and value");
      }
      auto& added = record.headers.emplace_back(header[0].get<std::string>(), std::nullopt);
      MILLRACE_RETURN_IF_ERROR(take("headers", bytes_of_json(header[1]), added.second));
    }
    return record;
  }

  Result<std::optional<std::string>> value_of(const Json& json) {
    if (json.is_null()) return std::optional<std::string>();
    if (!tables_) {
      const bool is_bytes = json.is_string() || (json.size() == 1 && json.contains("hex"));
      if (is_bytes) return bytes_of_json(json);
      return std::optional(json.dump());
    }
    Result<std::string> value = tables_->from_json(json);
    if (!value.ok()) return value.status();
    return std::optional(*std::move(value));
  }

  static Result<int64_t> time_of(const Json& json) {
    const auto time = json.find("timestamp_ms");
    if (time == json.end()) return now_ms();
    if (time->is_number_integer() && time->get<int64_t>() >= 0) return time->get<int64_t>();
    return invalid("no milliseconds since 1970");
  }

  Checks checks_;
  std::optional<FlatJson> tables_;
};

Bytes view_of(const std::optional<std::string>& part) {
  return part ? Bytes(*part) : Bytes();
}

/// Sends loaded records, each to its partition.
class RecordSender {
 public:
  explicit RecordSender(TopicWriter& writer) : writer_(writer) {}

  Status send(const LoadedRecord& record) {
    std::vector<Header> headers;
    headers.reserve(record.headers.size());
    for (const auto& [name, value] : record.headers) headers.push_back({name, view_of(value)});
    return writer_.send({.partition = partition(record),
                         .key = view_of(record.key),
                         .value = view_of(record.value),
                         .timestamp_ms = record.timestamp_ms,
                         .headers = headers});
  }

 private:
  int32_t partition(const LoadedRecord& record) {
    const int32_t partitions = writer_.partitions();
    if (record.key) return partition_of(crm::root_in_key(Bytes(*record.key)), partitions);
    return static_cast<int32_t>(keyless_++ % partitions);
  }

  TopicWriter& writer_;
  int64_t keyless_ = 0;
};

/// Calls `visit` with every line that is not empty, until it fails.
template <class Visit>
Status for_each_input_line(std::istream& lines, Visit visit) {
  const auto buffer = std::make_unique<char[]>(kLoadLineBytesMax + 1);
  for (int64_t number = 1; lines; ++number) {
    lines.getline(buffer.get(), kLoadLineBytesMax + 1);
    const auto size = static_cast<size_t>(lines.gcount());
    if (lines.fail() && size > 0) {
      return invalid(fmt::format("line {}: longer than {} bytes", number, kLoadLineBytesMax));
    }
    const std::string_view line(buffer.get(), lines.eof() || size == 0 ? size : size - 1);
    if (line.empty()) continue;
    Status status = visit(line);
    if (status.ok()) continue;
    if (status.code() != ErrorCode::kInvalidRecord) return status;
    return invalid(fmt::format("line {}: {}", number, status.message()));
  }
  return {};
}

}  // namespace

Result<LoadOutcome> load_topic(const LoadOptions& options, std::istream& lines,
                               engine::ClientFactory& clients) {
  LineReader reader(
      options.type.empty() ? find_type_by_topic(options.topic) : find_type_by_name(options.type),
      options.topic);
  auto writer = TopicWriter::open(options.topic, clients);
  if (!writer.ok()) return writer.status();
  RecordSender sender(*writer);
  LoadOutcome outcome;
  const Status read = for_each_input_line(lines, [&](std::string_view line) -> Status {
    const Result<LoadedRecord> record = reader.read(line);
    if (!record.ok()) return record.status();
    MILLRACE_RETURN_IF_ERROR(sender.send(*record));
    ++outcome.records;
    if (!record->value) ++outcome.tombstones;
    return {};
  });
  MILLRACE_RETURN_IF_ERROR(writer->flush());
  MILLRACE_RETURN_IF_ERROR(read);
  return outcome;
}

}  // namespace millrace::apps
