#include "engine/queries/row_question.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::engine {
namespace {

using nlohmann::json;

json binary_of(std::string_view bytes) {
  return json::binary(std::vector<uint8_t>(bytes.begin(), bytes.end()));
}

json binary_of(const std::optional<std::string>& bytes) {
  return bytes ? binary_of(std::string_view(*bytes)) : json();
}

std::string bytes_of(const json& value) {
  const auto& bytes = value.get_binary();
  return {bytes.begin(), bytes.end()};
}

std::optional<std::string> optional_bytes_of(const json& value) {
  if (value.is_null()) return std::nullopt;
  return bytes_of(value);
}

json offsets_of(const std::map<TopicPartition, int64_t>& offsets) {
  json list = json::array();
  for (const auto& [partition, offset] : offsets) {
    list.push_back({partition.topic, partition.partition, offset});
  }
  return list;
}

std::map<TopicPartition, int64_t> read_offsets(const json& list) {
  std::map<TopicPartition, int64_t> offsets;
  for (const json& entry : list) {
    const TopicPartition partition{entry.at(0).get<std::string>(), entry.at(1).get<int32_t>()};
    offsets[partition] = entry.at(2).get<int64_t>();
  }
  return offsets;
}

json position_of(const StatePosition& position) {
  return {{"task", position.task.to_string()},
          {"instance", position.instance},
          {"inputs", offsets_of(position.inputs)},
          {"changelogs", offsets_of(position.changelogs)},
          {"committed_at_ms", position.committed_at_ms},
          {"event_time_ms", position.event_time_ms},
          {"freshness_ms", position.freshness_ms},
          {"standby", position.is_standby},
          {"lag_records", position.lag_records},
          {"lag_ms", position.lag_ms}};
}

StatePosition read_position(const json& object) {
  StatePosition position;
  position.task = TaskId::parse(object.at("task").get<std::string>()).value();
  position.instance = object.at("instance").get<std::string>();
  position.inputs = read_offsets(object.at("inputs"));
  position.changelogs = read_offsets(object.at("changelogs"));
  position.committed_at_ms = object.at("committed_at_ms").get<int64_t>();
  position.event_time_ms = object.at("event_time_ms").get<int64_t>();
  position.freshness_ms = object.at("freshness_ms").get<int64_t>();
  position.is_standby = object.at("standby").get<bool>();
  position.lag_records = object.at("lag_records").get<int64_t>();
  position.lag_ms = object.at("lag_ms").get<int64_t>();
  return position;
}

std::string to_bytes(const json& object) {
  const std::vector<uint8_t> bytes = json::to_cbor(object);
  return {bytes.begin(), bytes.end()};
}

json parsed(std::string_view bytes) {
  return json::from_cbor(bytes.begin(), bytes.end(), true, false);
}

}  // namespace

bool StandbyBounds::allow(const StatePosition& position) const {
  if (!position.is_standby) return true;
  const bool is_known = position.lag_records >= 0 || lag_records_max == INT64_MAX;
  return may_be_standby && is_known && position.lag_records <= lag_records_max &&
         position.lag_ms <= lag_ms_max;
}

std::string encode_question(const RowQuestion& question) {
  return to_bytes({{"store", question.store},
                   {"sub_topology", question.task.sub_topology},
                   {"partition", question.task.partition},
                   {"key", binary_of(question.key)},
                   {"from", binary_of(question.from)},
                   {"to", binary_of(question.to)},
                   {"descending", question.is_descending},
                   {"rows_max", question.rows_max},
                   {"standby", question.bounds.may_be_standby},
                   {"lag_records_max", question.bounds.lag_records_max},
                   {"lag_ms_max", question.bounds.lag_ms_max}});
}

Result<RowQuestion> decode_question(std::string_view bytes) {
  try {
    const json object = parsed(bytes);
    RowQuestion question;
    question.store = object.at("store").get<std::string>();
    question.task = {object.at("sub_topology").get<int32_t>(),
                     object.at("partition").get<int32_t>()};
    question.key = optional_bytes_of(object.at("key"));
    question.from = optional_bytes_of(object.at("from"));
    question.to = optional_bytes_of(object.at("to"));
    question.is_descending = object.at("descending").get<bool>();
    question.rows_max = object.at("rows_max").get<size_t>();
    question.bounds = {object.at("standby").get<bool>(),
                       object.at("lag_records_max").get<int64_t>(),
                       object.at("lag_ms_max").get<int64_t>()};
    return question;
  } catch (const json::exception&) {
    return Error{ErrorCode::kInvalidArgument, "not a question for rows"};
  }
}

std::string encode_reply(const RowReply& reply) {
  json rows = json::array();
  for (const RowReply::KeyedRow& row : reply.rows) {
    rows.push_back({binary_of(std::string_view(row.key)), binary_of(std::string_view(row.value)),
                    row.timestamp_ms});
  }
  return to_bytes({{"position", position_of(reply.position)},
                   {"rows", std::move(rows)},
                   {"more", reply.has_more}});
}

Result<RowReply> decode_reply(std::string_view bytes) {
  const Error invalid{ErrorCode::kInvalidRecord, "not an answer with rows"};
  try {
    const json object = parsed(bytes);
    if (!TaskId::parse(object.at("position").at("task").get<std::string>()).ok()) return invalid;
    RowReply reply{read_position(object.at("position")), {}, object.at("more").get<bool>()};
    for (const json& row : object.at("rows")) {
      reply.rows.push_back({bytes_of(row.at(0)), bytes_of(row.at(1)), row.at(2).get<int64_t>()});
    }
    return reply;
  } catch (const json::exception&) {
    return invalid;
  }
}

namespace {

Result<RowReply> answer_position(const Queries& local, TaskId task) {
  for (TaskInfo& info : local.tasks()) {
    if (info.position.task != task || info.stage != TaskStage::kRunning) continue;
    return RowReply{.position = std::move(info.position), .rows = {}};
  }
  return Error{ErrorCode::kRetriable,
               fmt::format("task {} does not run on this instance", task.to_string())};
}

}  // namespace

Result<RowReply> answer_rows(const Queries& local, const RowQuestion& question) {
  if (question.store.empty()) return answer_position(local, question.task);
  const Queries& queries = question.bounds.may_be_standby ? local.with_standbys() : local;
  RowReply reply;
  size_t bytes = 0;
  const auto add = [&](Bytes key, Row row) {
    if (bytes >= kRowReplyBytes) {
      reply.has_more = true;
      return false;
    }
    bytes += key.size() + row.value.size();
    reply.rows.push_back({key.to_string(), row.value.to_string(), row.timestamp_ms});
    return true;
  };
  const auto bound = [](const std::optional<std::string>& key) {
    return key ? Bytes(*key) : Bytes();
  };
  // A key is a range of one row: its smallest successor ends it.
  const std::string successor = question.key ? *question.key + '\0' : std::string();
  const Bytes from = question.key ? Bytes(*question.key) : bound(question.from);
  const Bytes to = question.key ? Bytes(successor) : bound(question.to);
  Result<StatePosition> position =
      queries.scan_partition(question.store, question.task.partition,
                             {.from = from,
                              .to = to,
                              .is_descending = question.is_descending,
                              .rows_max = question.rows_max},
                             [&](TaskId, Bytes key, Row row) { return add(key, row); });
  if (!position.ok()) return position.status();
  if (!question.bounds.allow(*position)) {
    const std::string records =
        position->lag_records < 0 ? "unknown" : fmt::format("{}", position->lag_records);
    return Error{ErrorCode::kRetriable, fmt::format("the standby is {} records and {} ms behind",
                                                    records, position->lag_ms)};
  }
  reply.position = *std::move(position);
  return reply;
}

}  // namespace millrace::engine
