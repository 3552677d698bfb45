#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/engine.h"
#include "millrace/engine/metrics.h"
#include "millrace/engine/query_router.h"
#include "millrace/engine/query_server.h"

#include "engine/base/hexadecimal.h"
#include "engine/queries/peer_client.h"
#include "engine/queries/row_question.h"
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

HttpAnswer live(const Engine& engine) {
  const EngineState state = engine.state();
  const bool is_live = state != EngineState::kFailed && state != EngineState::kStopped;
  return {.status = is_live ? 200U : 503U,
          .body = text_of({{"live", is_live}, {"state", to_string(state)}})};
}

/// Why not to send requests here; empty: nothing speaks against it.
std::string reason_against(const Engine& engine) {
  if (engine.is_drained()) return "drained";
  if (engine.state() != EngineState::kRunning) return "no plan of the group includes it yet";
  for (const TaskInfo& task : engine.queries().tasks()) {
    if (task.stage == TaskStage::kRestoring || task.stage == TaskStage::kSuspended) {
      return fmt::format("task {} is {}, {} records to go", task.position.task.to_string(),
                         to_string(task.stage), task.restore_remaining_records);
    }
  }
  return {};
}

HttpAnswer ready(const Engine& engine) {
  const std::string reason = reason_against(engine);
  json body{{"ready", reason.empty()}, {"state", to_string(engine.state())}};
  if (!reason.empty()) body["reason"] = reason;
  return {.status = reason.empty() ? 200U : 503U, .body = text_of(body)};
}

HttpAnswer operations(const Engine& engine) {
  return {.body = text_of({{"paused", engine.is_paused()}, {"drained", engine.is_drained()}})};
}

HttpAnswer store_row(const Queries& queries, const std::string& store, const std::string& key) {
  const Result<StoreAnswer> answer = queries.get(store, Bytes(key));
  if (!answer.ok()) return error_answer(answer.error());
  if (!answer->row) return error_answer(404, "no such key");
  return {.body = text_of({{"store", store},
                           {"key", key},
                           {"value_hex", engine::hexadecimal(answer->row->value)},
                           {"timestamp_ms", answer->row->timestamp_ms},
                           {"position", position_object(answer->position)}})};
}

}  // namespace

std::string position_json(const StatePosition& position) {
  return position_object(position).dump(-1, ' ', false, json::error_handler_t::replace);
}

namespace {

void add_probes(QueryServer& server, Engine& engine) {
  const auto add = [&](std::string pattern, std::string summary, std::string otherwise,
                       std::function<HttpAnswer()> answer) {
    server.route(
        {.pattern = std::move(pattern),
         .right = Right::kNone,
         .summary = std::move(summary),
         .errors = {{503, std::move(otherwise)}},
         .is_vital = true,
         .handler = [answer = std::move(answer)](const HttpRequest&) { return answer(); }});
  };
  add("/v1/live", "Whether the instance works, or has to be started again.", "It has ended.",
      [&engine] { return live(engine); });
  add("/v1/ready", "Whether the instance has its part of the plan and has restored its tasks.",
      "Not yet, or drained; the answer has the reason.", [&engine] { return ready(engine); });
  add("/v1/health", "State, lag and freshness of the instance and its tasks.",
      "It does not run; the answer says the state.", [&engine] { return health(engine); });
}

void add_views(QueryServer& server, Engine& engine, const Topology& topology) {
  server.route({.pattern = "/v1/metrics",
                .summary = "Metrics in Prometheus' text format.",
                .content_type = "text/plain",
                .handler = [&engine](const HttpRequest&) {
                  return HttpAnswer{.body = engine.metrics().text(),
                                    .content_type = "text/plain; version=0.0.4; charset=utf-8"};
                }});
  server.route({.pattern = "/v1/topology",
                .summary = "The topology as text or as a Mermaid flowchart.",
                .parameters = {{.name = "format",
                                .meaning = "mermaid: a flowchart.",
                                .type = HttpParameter::Type::kChoice,
                                .choices = {"text", "mermaid"}}},
                .content_type = "text/plain",
                .handler = [text = topology.describe(),
                            mermaid = topology.describe_mermaid()](const HttpRequest& request) {
                  const std::string* const format = request.find("format");
                  return HttpAnswer{
                      .body = format != nullptr && *format == "mermaid" ? mermaid : text,
                      .content_type = "text/plain; charset=utf-8"};
                }});
  std::vector<HttpParameter> parameters{
      {.name = "store", .meaning = "The store's name in the topology."},
      {.name = "key",
       .meaning = "The row's key.",
       .is_required = true,
       .length_max = kStoreKeyBytesMax}};
  std::ranges::move(staleness_parameters(), std::back_inserter(parameters));
  server.route({.pattern = "/v1/stores/{store}",
                .right = Right::kRaw,
                .summary = "One row of a store, as bytes.",
                .parameters = std::move(parameters),
                .errors = {{404, "There is no such row."}},
                .handler = [&engine](const HttpRequest& request) {
                  return engine.router().answer(
                      request,
                      [store = request.arguments.front(), key = *request.find("key")](
                          const Queries& queries) { return store_row(queries, store, key); });
                }});
}

/// Rows for other instances, from the state that this one has itself.
void add_peer_rows(QueryServer& server, Engine& engine) {
  server.route({.method = HttpMethod::kPost,
                .pattern = engine::kPeerRowsPath,
                .right = Right::kPeer,
                .content_type = "application/cbor",
                .body_meaning = "a question",
                .body_bytes_max = engine::kRowQuestionBytesMax,
                .handler = [&engine](const HttpRequest& request) {
                  const auto question = engine::decode_question(request.body);
                  if (!question.ok()) return error_answer(question.error());
                  const auto reply = engine::answer_rows(engine.queries(), *question);
                  if (!reply.ok()) return error_answer(reply.error());
                  return HttpAnswer{.body = engine::encode_reply(*reply),
                                    .content_type = "application/cbor"};
                }});
}

void add_operations(QueryServer& server, Engine& engine) {
  const auto add = [&](std::string pattern, std::string summary, void (Engine::*change)()) {
    server.route({.method = HttpMethod::kPost,
                  .pattern = std::move(pattern),
                  .right = Right::kOperate,
                  .summary = std::move(summary),
                  .handler = [&engine, change](const HttpRequest&) {
                    (engine.*change)();
                    return operations(engine);
                  }});
  };
  add("/v1/pause", "Stops processing; answers continue.", &Engine::pause);
  add("/v1/resume", "Ends a pause.", &Engine::resume);
  add("/v1/drain", "Gives the tasks to the other instances until the next start.", &Engine::drain);
}

}  // namespace

void add_engine_routes(QueryServer& server, Engine& engine, const Topology& topology) {
  add_probes(server, engine);
  add_views(server, engine, topology);
  add_operations(server, engine);
  add_peer_rows(server, engine);
  if (const std::filesystem::path root = engine.snapshot_directory(); !root.empty()) {
    engine::add_snapshot_routes(server, engine::SnapshotDirectory(root, {}));
  }
}

}  // namespace millrace
