#include <algorithm>

#include <nlohmann/json.hpp>

#include "millrace/engine/engine.h"
#include "millrace/engine/metrics.h"
#include "millrace/engine/query_server.h"

#include "engine/snapshot/routes.h"

namespace millrace {
namespace {

using nlohmann::json;

constexpr size_t kStoreKeyBytesMax = 4096;

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

json offsets_json(const std::map<TopicPartition, int64_t>& offsets) {
  json object = json::object();
  for (const auto& [partition, offset] : offsets) object[partition.to_string()] = offset;
  return object;
}

json position_object(const StatePosition& position) {
  return {{"task", position.task.to_string()},
          {"inputs", offsets_json(position.inputs)},
          {"changelogs", offsets_json(position.changelogs)},
          {"committed_at_ms", position.committed_at_ms},
          {"event_time_ms", position.event_time_ms},
          {"freshness_ms", position.freshness_ms},
          {"served_by", position.is_standby ? "standby" : "active"},
          {"lag_records", position.lag_records}};
}

json task_json(const TaskInfo& task) {
  json object{{"task", task.position.task.to_string()},
              {"stage", to_string(task.stage)},
              {"lag_records", task.lag_records},
              {"caught_up", task.is_caught_up},
              {"freshness_ms", task.position.freshness_ms}};
  if (task.stage == TaskStage::kRestoring) {
    object["restore"] = {{"records", task.restore_records},
                         {"bytes", task.restore_bytes},
                         {"remaining_records", task.restore_remaining_records}};
  }
  return object;
}

/// Inputs with records behind the open transaction of another producer.
json hidden_json(const std::vector<PartitionLag>& inputs) {
  json object = json::object();
  for (const PartitionLag& input : inputs) {
    object[input.partition.to_string()] = {{"records", input.records},
                                           {"last_stable_offset", input.hidden->last_stable_offset},
                                           {"since_ms", input.hidden->since_ms}};
  }
  return object;
}

HttpAnswer health(Engine& engine) {
  const EngineState state = engine.state();
  int64_t lag = 0;
  int64_t freshness = 0;
  const std::vector<PartitionLag> hidden = engine.metrics().hidden_inputs();
  bool caught_up = state == EngineState::kRunning && hidden.empty();
  json tasks = json::array();
  for (const TaskInfo& task : engine.queries().tasks()) {
    if (task.stage == TaskStage::kStandby) {
      tasks.push_back(task_json(task));
      continue;
    }
    lag = lag < 0 || task.lag_records < 0 ? -1 : lag + task.lag_records;
    const int64_t task_freshness = task.position.freshness_ms;
    freshness = freshness < 0 || task_freshness < 0 ? -1 : std::max(freshness, task_freshness);
    caught_up = caught_up && task.is_caught_up && task.stage == TaskStage::kRunning;
    tasks.push_back(task_json(task));
  }
  const json body{{"state", to_string(state)},    {"caught_up", caught_up},
                  {"lag_records", lag},           {"freshness_ms", freshness},
                  {"paused", engine.is_paused()}, {"drained", engine.is_drained()},
                  {"tasks", std::move(tasks)},    {"hidden_inputs", hidden_json(hidden)}};
  return {.status = state == EngineState::kRunning ? 200U : 503U, .body = text_of(body)};
}

HttpAnswer operations(const Engine& engine) {
  return {.body = text_of({{"paused", engine.is_paused()}, {"drained", engine.is_drained()}})};
}

/// Values are bytes of a type that only the application knows, so answers show them in hexadecimal.
std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

HttpAnswer store_row(const Engine& engine, const HttpRequest& request) {
  const auto key = request.parameters.find("key");
  if (key == request.parameters.end()) return error_answer(400, "which key? add ?key=…");
  if (key->second.size() > kStoreKeyBytesMax) return error_answer(400, "the key is too long");
  const std::string& store = request.arguments.front();
  const Result<StoreAnswer> answer =
      queries_for(engine.queries(), request).get(store, Bytes(key->second));
  if (!answer.ok()) return error_answer(answer.error());
  if (!answer->row) return error_answer(404, "no such key");
  return {.body = text_of({{"store", store},
                           {"key", key->second},
                           {"value_hex", hexadecimal(answer->row->value)},
                           {"timestamp_ms", answer->row->timestamp_ms},
                           {"position", position_object(answer->position)}})};
}

}  // namespace

const Queries& queries_for(const Queries& queries, const HttpRequest& request) {
  const auto stale = request.parameters.find("stale");
  const bool may_be_stale = stale != request.parameters.end() && stale->second == "ok";
  return may_be_stale ? queries.with_standbys() : queries;
}

std::string position_json(const StatePosition& position) {
  return position_object(position).dump(-1, ' ', false, json::error_handler_t::replace);
}

void add_engine_routes(QueryServer& server, Engine& engine, const Topology& topology,
                       RowAccess rows) {
  server.route("/v1/health", [&engine](const HttpRequest&) { return health(engine); });
  server.route("/v1/metrics", [&engine](const HttpRequest&) {
    return HttpAnswer{.body = engine.metrics().text(),
                      .content_type = "text/plain; version=0.0.4; charset=utf-8"};
  });
  server.route("/v1/topology", [text = topology.describe(),
                                mermaid = topology.describe_mermaid()](const HttpRequest& request) {
    const auto format = request.parameters.find("format");
    const bool as_mermaid = format != request.parameters.end() && format->second == "mermaid";
    return HttpAnswer{.body = as_mermaid ? mermaid : text,
                      .content_type = "text/plain; charset=utf-8"};
  });
  const auto change = [&server, &engine](std::string_view path, auto&& what) {
    server.route(HttpMethod::kPost, path, [&engine, what](const HttpRequest&) {
      what();
      return operations(engine);
    });
  };
  change("/v1/pause", [&engine] { engine.pause(); });
  change("/v1/resume", [&engine] { engine.resume(); });
  change("/v1/drain", [&engine] { engine.drain(); });
  if (const std::filesystem::path root = engine.snapshot_directory(); !root.empty()) {
    engine::add_snapshot_routes(server, engine::SnapshotDirectory(root, {}), rows);
  }
  server.route("/v1/stores/{store}", guarded(rows, [&engine](const HttpRequest& request) {
                 return store_row(engine, request);
               }));
}

}  // namespace millrace
