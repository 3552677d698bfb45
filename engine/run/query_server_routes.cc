#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/core/clock.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/metrics.h"
#include "millrace/engine/query_server.h"

#include "engine/console/history.h"
#include "engine/console/instance_routes.h"
#include "engine/console/page_routes.h"
#include "engine/console/sample_parser.h"
#include "engine/console/topology_graph.h"
#include "engine/metrics/hidden_records.h"
#include "engine/run/index_routes.h"
#include "engine/run/position_json.h"
#include "engine/run/readiness.h"
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

/// Of all tasks that run here, or are about to.
struct Progress {
  int64_t lag_records = 0;  ///< −1: unknown
  int64_t freshness_ms = 0;
  bool is_caught_up = true;
};

Progress progress_of(const std::vector<TaskInfo>& tasks) {
  Progress all;
  for (const TaskInfo& task : tasks) {
    if (task.stage == TaskStage::kStandby) continue;
    const bool is_known = all.lag_records >= 0 && task.lag_records >= 0;
    all.lag_records = is_known ? all.lag_records + task.lag_records : -1;
    const int64_t freshness = task.position.freshness_ms;
    all.freshness_ms =
        all.freshness_ms < 0 || freshness < 0 ? -1 : std::max(all.freshness_ms, freshness);
    all.is_caught_up = all.is_caught_up && task.is_caught_up && task.stage == TaskStage::kRunning;
  }
  return all;
}

json health_json(Engine& engine) {
  const EngineState state = engine.state();
  const std::vector<PartitionLag> hidden = engine.metrics().hidden_inputs();
  const std::vector<TaskInfo> tasks = engine.queries().tasks();
  const Progress progress = progress_of(tasks);
  json shown = json::array();
  for (const TaskInfo& task : tasks) shown.push_back(task_json(task));
  return {{"state", to_string(state)},
          {"caught_up", state == EngineState::kRunning && hidden.empty() && progress.is_caught_up},
          {"lag_records", progress.lag_records},
          {"freshness_ms", progress.freshness_ms},
          {"paused", engine.is_paused()},
          {"drained", engine.is_drained()},
          {"tasks", std::move(shown)},
          {"hidden_inputs", hidden_json(hidden)}};
}

HttpAnswer health(Engine& engine) {
  json body = health_json(engine);
  const bool is_running = body["state"] == to_string(EngineState::kRunning);
  return probe(std::move(body), is_running ? "" : fault_of(engine.state()));
}

engine::Reading reading_of(Engine& engine) {
  const Progress progress = progress_of(engine.queries().tasks());
  return {.at_ms = system_clock().now_ms(),
          .lag_records = progress.lag_records,
          .freshness_ms = progress.freshness_ms,
          .metrics = engine::sum_samples(engine.metrics().text()),
          .resident_bytes = engine::resident_bytes()};
}

HttpAnswer live(const Engine& engine) {
  const EngineState state = engine.state();
  const bool is_live = state != EngineState::kFailed && state != EngineState::kStopped;
  return probe({{"live", is_live}, {"state", to_string(state)}}, is_live ? "" : fault_of(state));
}

HttpAnswer ready(const Engine& engine) {
  const std::string reason = engine::reason_against(engine);
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
  server.route({.pattern = "/v1/topology/graph",
                .summary = "The topology as data: nodes, edges and stores.",
                .answer_schema = engine::kTopologyGraphSchema,
                .handler = [graph = engine::topology_graph(topology)](const HttpRequest&) {
                  return HttpAnswer{.body = graph};
                }});
}

/// The page and its questions about all instances.
void add_console(QueryServer& server, Engine& engine) {
  struct Recorder {
    engine::History history;
    engine::Sampler sampler;
    explicit Recorder(Engine& of) : sampler(history, [&of] { return reading_of(of); }) {}
  };
  engine::add_page_routes(server);
  engine::add_instance_routes(server, engine,
                              {.health = [&engine] { return json_text(health_json(engine)); },
                               .metrics = [&engine] { return engine.metrics().text(); },
                               .history = [recorder = std::make_shared<Recorder>(
                                               engine)] { return recorder->history.json(); }});
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
  add_console(server, engine);
  engine::add_store_routes(server, engine, topology, std::move(masks));
  engine::add_index_routes(server, engine, topology);
  add_operations(server, engine);
  if (const std::filesystem::path root = engine.snapshot_directory(); !root.empty()) {
    engine::add_snapshot_routes(server, engine::SnapshotDirectory(root, {}));
  }
}

}  // namespace millrace
