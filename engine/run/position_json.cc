#include "engine/run/position_json.h"

#include <map>

#include <nlohmann/json.hpp>

#include "millrace/engine/query_server.h"

namespace millrace {
namespace engine {
namespace {

using nlohmann::json;

json offsets_json(const std::map<TopicPartition, int64_t>& offsets) {
  json object = json::object();
  for (const auto& [partition, offset] : offsets) object[partition.to_string()] = offset;
  return object;
}

}  // namespace

std::string json_text(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

json position_object(const StatePosition& position) {
  return {{"task", position.task.to_string()},
          {"instance", position.instance},
          {"inputs", offsets_json(position.inputs)},
          {"changelogs", offsets_json(position.changelogs)},
          {"committed_at_ms", position.committed_at_ms},
          {"event_time_ms", position.event_time_ms},
          {"freshness_ms", position.freshness_ms},
          {"served_by", position.is_standby ? "standby" : "active"},
          {"lag_records", position.lag_records},
          {"lag_ms", position.lag_ms}};
}

}  // namespace engine

std::string position_json(const StatePosition& position) {
  return engine::position_object(position).dump(-1, ' ', false,
                                                nlohmann::json::error_handler_t::replace);
}

}  // namespace millrace
