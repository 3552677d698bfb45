#include "engine/queries/row_question.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/core/topology.h"

#include "engine/queries/cbor.h"

namespace millrace::engine {
namespace {

using nlohmann::json;

json optional_binary(const std::optional<std::string>& bytes) {
  return bytes ? cbor::binary(*bytes) : json();
}

std::optional<std::string> optional_bytes_in(const json& value) {
  if (value.is_null()) return std::nullopt;
  return cbor::bytes_in(value);
}

json offsets_of(const std::map<TopicPartition, int64_t>& offsets) {
  json list = json::array();
  for (const auto& [partition, offset] : offsets) {
    list.push_back({partition.topic, partition.partition, offset});
  }
  return list;
}

/// The names and numbers become part of a header.
std::map<TopicPartition, int64_t> read_offsets(const json& list) {
  std::map<TopicPartition, int64_t> offsets;
  for (const json& entry : list) {
    TopicPartition partition{entry.at(0).get<std::string>(),
                             cbor::number_in<int32_t>(entry.at(1), 0)};
    if (!is_legal_name(partition.topic, kTopicNameLengthMax)) {
      throw std::invalid_argument("no name of a topic");
    }
    offsets[std::move(partition)] = cbor::number_in<int64_t>(entry.at(2), -1);
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
  const auto number = [&object](const char* name) {
    return cbor::number_in<int64_t>(object.at(name), INT64_MIN);
  };
  const Result<TaskId> task = TaskId::parse(object.at("task").get<std::string>());
  if (!task.ok()) throw std::invalid_argument(task.message());
  StatePosition position;
  position.task = *task;
  position.instance = object.at("instance").get<std::string>();
  position.inputs = read_offsets(object.at("inputs"));
  position.changelogs = read_offsets(object.at("changelogs"));
  position.committed_at_ms = number("committed_at_ms");
  position.event_time_ms = number("event_time_ms");
  position.freshness_ms = number("freshness_ms");
  position.is_standby = object.at("standby").get<bool>();
  position.lag_records = number("lag_records");
  position.lag_ms = number("lag_ms");
  return position;
}

}  // namespace

bool StandbyBounds::allow(const StatePosition& position) const {
  if (!position.is_standby) return true;
  const bool is_known = position.lag_records >= 0 || lag_records_max == INT64_MAX;
  return may_be_standby && is_known && position.lag_records <= lag_records_max &&
         position.lag_ms <= lag_ms_max;
}

std::string encode_question(const RowQuestion& question) {
  return cbor::to_text({{"store", question.store},
                        {"sub_topology", question.task.sub_topology},
                        {"partition", question.task.partition},
                        {"key", optional_binary(question.key)},
                        {"from", optional_binary(question.from)},
                        {"to", optional_binary(question.to)},
                        {"descending", question.is_descending},
                        {"rows_max", question.rows_max},
                        {"standby", question.bounds.may_be_standby},
                        {"lag_records_max", question.bounds.lag_records_max},
                        {"lag_ms_max", question.bounds.lag_ms_max}});
}

Result<RowQuestion> decode_question(std::string_view bytes) {
  try {
    const json object = cbor::parse(bytes);
    RowQuestion question;
    question.store = object.at("store").get<std::string>();
    question.task = cbor::task_in(object.at("sub_topology"), object.at("partition"));
    question.key = optional_bytes_in(object.at("key"));
    question.from = optional_bytes_in(object.at("from"));
    question.to = optional_bytes_in(object.at("to"));
    question.is_descending = object.at("descending").get<bool>();
    question.rows_max = cbor::number_in<size_t>(object.at("rows_max"), 0);
    question.bounds = {object.at("standby").get<bool>(),
                       cbor::number_in<int64_t>(object.at("lag_records_max"), 0),
                       cbor::number_in<int64_t>(object.at("lag_ms_max"), 0)};
    return question;
  } catch (const std::exception&) {
    return Error{ErrorCode::kInvalidArgument, "not a question for rows"};
  }
}

std::string encode_reply(const RowReply& reply) {
  json rows = json::array();
  for (const RowReply::KeyedRow& row : reply.rows) {
    rows.push_back({cbor::binary(row.key), cbor::binary(row.value), row.timestamp_ms});
  }
  return cbor::to_text({{"position", position_of(reply.position)},
                        {"rows", std::move(rows)},
                        {"more", reply.has_more}});
}

Result<RowReply> decode_reply(std::string_view bytes) {
  const Error invalid{ErrorCode::kInvalidRecord, "not an answer with rows"};
  try {
    const json object = cbor::parse(bytes);
    RowReply reply{read_position(object.at("position")), {}, object.at("more").get<bool>()};
    for (const json& row : object.at("rows")) {
      reply.rows.push_back({cbor::bytes_in(row.at(0)), cbor::bytes_in(row.at(1)),
                            cbor::number_in<int64_t>(row.at(2), INT64_MIN)});
    }
    return reply;
  } catch (const std::exception&) {
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
