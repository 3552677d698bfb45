#include "engine/http/open_api.h"

#include <limits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/http/route_table.h"

namespace millrace::engine {
namespace {

using nlohmann::json;

constexpr const char* kVersion = "1";

json text_schema_of(const HttpParameter& parameter) {
  json schema{{"type", "string"}, {"maxLength", parameter.length_max}};
  if (!parameter.pattern.empty()) schema["pattern"] = parameter.pattern;
  return schema;
}

json schema_of(const HttpParameter& parameter) {
  switch (parameter.type) {
    case HttpParameter::Type::kString:
      return text_schema_of(parameter);
    case HttpParameter::Type::kInteger: {
      json schema{{"type", "integer"}, {"format", "int64"}};
      if (parameter.min != std::numeric_limits<int64_t>::min()) schema["minimum"] = parameter.min;
      if (parameter.max != std::numeric_limits<int64_t>::max()) schema["maximum"] = parameter.max;
      return schema;
    }
    case HttpParameter::Type::kChoice:
      return {{"type", "string"}, {"enum", parameter.choices}};
  }
  return json::object();
}

json parameters_of(const HttpRoute& route) {
  json parameters = json::array();
  const size_t path_parameters = names_in(route.pattern).size();
  for (size_t i = 0; i < route.parameters.size(); ++i) {
    const HttpParameter& parameter = route.parameters[i];
    const bool is_of_path = i < path_parameters;
    json schema = schema_of(parameter);
    if (is_of_path && parameter.type == HttpParameter::Type::kString) schema["minLength"] = 1;
    parameters.push_back({{"name", parameter.name},
                          {"in", is_of_path ? "path" : "query"},
                          {"required", is_of_path || parameter.is_required},
                          {"description", parameter.meaning},
                          {"schema", std::move(schema)}});
  }
  return parameters;
}

json error_response(const std::string& description) {
  return {
      {"description", description},
      {"content", {{"application/json", {{"schema", {{"$ref", "#/components/schemas/Error"}}}}}}}};
}

json responses_of(const HttpRoute& route, bool is_open) {
  json schema = route.content_type == "application/json" ? json{{"type", "object"}}
                                                         : json{{"type", "string"}};
  if (!route.answer_schema.empty()) schema = json::parse(route.answer_schema);
  json responses{
      {"200",
       {{"description", "The answer."}, {"content", {{route.content_type, {{"schema", schema}}}}}}},
      {"400", error_response("The request does not fit its description.")},
      {"421", error_response("The Host header names another server.")},
      {"431", error_response("The head of the request is too long.")},
      {"500", error_response("The query failed; the log says why.")},
      {"503",
       error_response("Not now: ask again, after Retry-After seconds if the answer has it.")}};
  if (route.right != Right::kNone && !is_open) {
    responses["401"] = error_response("The request has no valid bearer token.");
  }
  if (route.right != Right::kNone || route.method == HttpMethod::kPost) {
    responses["403"] = error_response("The token does not give the right, or a web page asks.");
  }
  if (route.body_bytes_max > 0) responses["413"] = error_response("The body is too long.");
  for (const auto& [status, reason] : route.errors) {
    responses[std::to_string(status)] = error_response(reason);
  }
  return responses;
}

/// "get_v1_accounts_id"
std::string operation_id(const HttpRoute& route) {
  std::string id = route.method == HttpMethod::kGet ? "get" : "post";
  bool is_between = true;
  for (const char c : route.pattern) {
    const bool is_word =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!is_word) {
      is_between = true;
      continue;
    }
    if (std::exchange(is_between, false)) id += '_';
    id += c;
  }
  return id;
}

json body_schema_of(const HttpRoute& route) {
  return route.body_schema.empty() ? json{{"type", "object"}} : json::parse(route.body_schema);
}

json operation_of(const HttpRoute& route, Rights anonymous) {
  const bool is_open = is_open_to(route, anonymous);
  json operation{{"operationId", operation_id(route)},
                 {"summary", route.summary},
                 {"parameters", parameters_of(route)},
                 {"responses", responses_of(route, is_open)},
                 {"x-millrace-right", to_string(route.right)}};
  if (route.or_right != Right::kNone) operation["x-millrace-or-right"] = to_string(route.or_right);
  json security = json::array();
  if (route.right != Right::kNone) security.push_back({{"bearer", json::array()}});
  if (is_open) security.push_back(json::object());
  operation["security"] = std::move(security);
  if (route.body_bytes_max > 0) {
    operation["requestBody"] = {
        {"required", true},
        {"description", route.body_meaning},
        {"content", {{"application/json", {{"schema", body_schema_of(route)}}}}}};
  }
  return operation;
}

}  // namespace

std::string open_api(std::span<const HttpRoute* const> routes, const std::string& title,
                     Rights anonymous) {
  json paths = json::object();
  for (const HttpRoute* const route : routes) {
    if (route->right == Right::kPeer) continue;  // between instances only
    const char* const method = route->method == HttpMethod::kGet ? "get" : "post";
    json& operations = paths[route->pattern];
    if (!operations.contains(method)) operations[method] = operation_of(*route, anonymous);
  }
  const json error{{"type", "object"},
                   {"properties", {{"error", {{"type", "string"}}}}},
                   {"required", json::array({"error"})}};
  const json document{
      {"openapi", "3.1.0"},
      {"info", {{"title", title}, {"version", kVersion}}},
      {"paths", std::move(paths)},
      {"components",
       {{"schemas", {{"Error", error}}},
        {"securitySchemes", {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
  return document.dump(2) + "\n";
}

}  // namespace millrace::engine
