#include "engine/console/instance_routes.h"

#include <memory>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "millrace/engine/query_router.h"

#include "engine/clients/clients.h"
#include "engine/queries/peer_client.h"

namespace millrace::engine {
namespace {

using nlohmann::ordered_json;

constexpr const char* kHealth = "health";
constexpr const char* kMetrics = "metrics";
constexpr const char* kHistory = "history";

constexpr const char* kInstancesSchema = R"({
  "type": "object", "required": ["instances"],
  "properties": {"instances": {"type": "array", "items": {
    "type": "object", "required": ["instance", "self", "endpoint", "active", "standbys"],
    "properties": {
      "instance": {"type": "string"},
      "self": {"type": "boolean"},
      "endpoint": {"type": "string"},
      "active": {"type": "array", "items": {"type": "string"}},
      "standbys": {"type": "array", "items": {"type": "string"}}}}}}})";

constexpr const char* kHealthSchema = R"({
  "type": "object",
  "required": ["state", "caught_up", "lag_records", "freshness_ms", "paused", "drained", "tasks",
               "hidden_inputs"],
  "properties": {
    "state": {"type": "string"},
    "error": {"type": "string"},
    "caught_up": {"type": "boolean"},
    "lag_records": {"type": "integer"},
    "freshness_ms": {"type": "integer"},
    "paused": {"type": "boolean"},
    "drained": {"type": "boolean"},
    "hidden_inputs": {"type": "object"},
    "tasks": {"type": "array", "items": {
      "type": "object",
      "required": ["task", "stage", "lag_records", "caught_up", "freshness_ms"],
      "properties": {
        "task": {"type": "string"},
        "stage": {"type": "string", "enum": ["restoring", "running", "suspended", "standby"]},
        "lag_records": {"type": "integer"},
        "caught_up": {"type": "boolean"},
        "freshness_ms": {"type": "integer"},
        "restore": {
          "type": "object", "required": ["records", "bytes", "remaining_records"],
          "properties": {
            "records": {"type": "integer"},
            "bytes": {"type": "integer"},
            "remaining_records": {"type": "integer"}}}}}}}})";

constexpr const char* kHistorySchema = R"({
  "type": "object", "required": ["interval_ms", "at_ms", "series"],
  "properties": {
    "interval_ms": {"type": "integer"},
    "at_ms": {"type": "array", "items": {"type": "integer"}},
    "series": {"type": "object", "additionalProperties": {
      "type": "array", "items": {"type": ["number", "null"]}}}}})";

HttpAnswer instances_answer(const QueryRouter& router) {
  ordered_json instances = ordered_json::array();
  for (const QueryRouter::InstanceTasks& known : router.instances()) {
    ordered_json active = ordered_json::array();
    for (const TaskId task : known.active) active.push_back(task.to_string());
    ordered_json standbys = ordered_json::array();
    for (const TaskId task : known.standbys) standbys.push_back(task.to_string());
    instances.push_back({{"instance", known.instance},
                         {"self", known.is_self},
                         {"endpoint", known.endpoint},
                         {"active", std::move(active)},
                         {"standbys", std::move(standbys)}});
  }
  return {.body = ordered_json{{"instances", std::move(instances)}}.dump() + "\n"};
}

bool is_self(const QueryRouter& router, const std::string& instance) {
  for (const QueryRouter::InstanceTasks& known : router.instances()) {
    if (known.is_self) return known.instance == instance;
  }
  return false;
}

struct View {
  const char* name;
  const char* summary;
  const char* content_type;
  const char* schema;
  std::function<std::string()> make;
};

void add_view(QueryServer& server, const Engine& engine, const View& view) {
  server.route(
      {.pattern = std::string("/v1/instances/{instance}/") + view.name,
       .summary = view.summary,
       .parameters = {{.name = "instance",
                       .meaning = "Name of an instance, as /v1/instances lists it.",
                       .length_max = kInstanceLengthMax}},
       .errors = {{404, "The plan has no such instance."}},
       .content_type = view.content_type,
       .answer_schema = view.schema,
       .handler = [&engine, view](const HttpRequest& request) {
         const QueryRouter& router = engine.router();
         const std::string instance = request.arguments.front();
         if (is_self(router, instance)) {
           return HttpAnswer{.body = view.make(), .content_type = view.content_type};
         }
         HttpAnswer answer;
         answer.later = [&router, request, instance, view] {
           Result<std::string> body = router.ask_instance(request, instance, view.name);
           if (body.ok()) {
             return HttpAnswer{.body = *std::move(body), .content_type = view.content_type};
           }
           // That the other one refuses is no fault of the caller.
           const bool is_refused = body.code() == ErrorCode::kRefused;
           return is_refused ? error_answer(503, body.message()) : error_answer(body.error());
         };
         return answer;
       }});
}

void add_peer_views(QueryServer& server, const std::vector<View>& views) {
  server.route({.method = HttpMethod::kPost,
                .pattern = kPeerViewsPath,
                .right = Right::kPeer,
                .body_meaning = "the name of a view",
                .body_bytes_max = kViewNameLengthMax,
                .handler = [views](const HttpRequest& request) {
                  for (const View& view : views) {
                    if (request.body != view.name) continue;
                    return HttpAnswer{.body = view.make(), .content_type = view.content_type};
                  }
                  return error_answer(400, "no such view");
                }});
}

}  // namespace

void add_instance_routes(QueryServer& server, const Engine& engine, InstanceViews views) {
  const std::vector<View> all{
      {kHealth, "State, lag and freshness of an instance and its tasks, from any instance.",
       "application/json", kHealthSchema, std::move(views.health)},
      {kMetrics, "Metrics of an instance in Prometheus' text format, from any instance.",
       "text/plain", "", std::move(views.metrics)},
      {kHistory, "The last hour of an instance, a sample each ten seconds, from any instance.",
       "application/json", kHistorySchema, std::move(views.history)}};
  server.route(
      {.pattern = "/v1/instances",
       .summary = "This instance, and those that the plan gives tasks.",
       .answer_schema = kInstancesSchema,
       .handler = [&engine](const HttpRequest&) { return instances_answer(engine.router()); }});
  for (const View& view : all) add_view(server, engine, view);
  add_peer_views(server, all);
}

}  // namespace millrace::engine
