#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/engine.h"
#include "millrace/engine/metrics.h"
#include "millrace/engine/query_server.h"

#include "engine/metrics/hidden_records.h"
#include "engine/run/index_routes.h"
#include "engine/run/position_json.h"
#include "engine/run/store_routes.h"
#include "engine/snapshot/routes.h"

namespace millrace {
namespace {

using engine::json_text;
using nlohmann::json;

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

/// Anybody may see health, so it does not name the brokers.
std::string find_producer(const TopicPartition& input) {
  return engine::producers_command("BOOTSTRAP_SERVERS", input);
}

/// Inputs with records behind the open transaction of another producer.
json hidden_json(const std::vector<PartitionLag>& inputs) {
  json object = json::object();
  for (const PartitionLag& input : inputs) {
    object[input.partition.to_string()] = {{"records", input.records},
                                           {"last_stable_offset", input.hidden->last_stable_offset},
                                           {"since_ms", input.hidden->since_ms},
                                           {"find_producer", find_producer(input.partition)}};
  }
  return object;
}

/// A 200, or a 503 with the fault; empty: none.
HttpAnswer probe(json body, const std::string& fault) {
  if (!fault.empty()) body["error"] = fault;
  return {.status = fault.empty() ? 200U : 503U, .body = json_text(body)};
}

std::string fault_of(EngineState state) {
  return fmt::format("the engine's state is '{}'", to_string(state));
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
  json body{{"state", to_string(state)},    {"caught_up", caught_up},
            {"lag_records", lag},           {"freshness_ms", freshness},
            {"paused", engine.is_paused()}, {"drained", engine.is_drained()},
            {"tasks", std::move(tasks)},    {"hidden_inputs", hidden_json(hidden)}};
  return probe(std::move(body), state == EngineState::kRunning ? "" : fault_of(state));
}

HttpAnswer live(const Engine& engine) {
  const EngineState state = engine.state();
  const bool is_live = state != EngineState::kFailed && state != EngineState::kStopped;
  return probe({{"live", is_live}, {"state", to_string(state)}}, is_live ? "" : fault_of(state));
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
  return probe({{"ready", reason.empty()}, {"state", to_string(engine.state())}}, reason);
}

HttpAnswer operations(const Engine& engine) {
  return {.body = json_text({{"paused", engine.is_paused()}, {"drained", engine.is_drained()}})};
}

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
      "Not yet, or drained; the error is the reason.", [&engine] { return ready(engine); });
  add("/v1/health", "State, lag and freshness of the instance and its tasks.",
      "It does not run; the answer has the state.", [&engine] { return health(engine); });
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

void add_engine_routes(QueryServer& server, Engine& engine, const Topology& topology,
                       RowMasks masks) {
  add_probes(server, engine);
  add_views(server, engine, topology);
  engine::add_store_routes(server, engine, topology, std::move(masks));
  engine::add_index_routes(server, engine, topology);
  add_operations(server, engine);
  if (const std::filesystem::path root = engine.snapshot_directory(); !root.empty()) {
    engine::add_snapshot_routes(server, engine::SnapshotDirectory(root, {}));
  }
}

}  // namespace millrace
