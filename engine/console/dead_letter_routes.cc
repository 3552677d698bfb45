#include "engine/console/dead_letter_routes.h"

#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "millrace/engine/query_router.h"

#include "engine/clients/record_batch.h"
#include "engine/output/dead_letters.h"

namespace millrace::engine {
namespace {

using nlohmann::ordered_json;
using TopicRecord = QueryRouter::TopicRecord;

constexpr int64_t kLimitDefault = 50;
constexpr int64_t kLimitMax = 500;

constexpr const char* kSchema = R"({
  "type": "object", "required": ["topic", "letters"],
  "properties": {
    "topic": {"type": "string"},
    "letters": {"type": "array", "items": {
      "type": "object",
      "required": ["partition", "offset", "timestamp_ms", "error", "reason", "from", "task",
                   "key_bytes", "value_bytes", "sealed"],
      "properties": {
        "partition": {"type": "integer"},
        "offset": {"type": "integer"},
        "timestamp_ms": {"type": "integer"},
        "error": {"type": "string"},
        "reason": {"type": "string"},
        "from": {
          "type": "object", "required": ["topic", "partition", "offset"],
          "properties": {
            "topic": {"type": "string"},
            "partition": {"type": "integer"},
            "offset": {"type": "integer"}}},
        "task": {"type": "string"},
        "key_bytes": {"type": ["integer", "null"]},
        "value_bytes": {"type": ["integer", "null"]},
        "sealed": {"type": "boolean"}}}}}})";

Bytes bytes_of(const std::optional<std::string>& text) {
  return text ? Bytes(*text) : Bytes();
}

ordered_json size_of(const std::optional<std::string>& text) {
  return text ? ordered_json(text->size()) : ordered_json();
}

/// Null for a record that is no dead letter.
ordered_json letter_json(const TopicRecord& record) {
  std::vector<Header> headers;
  for (const auto& [name, value] : record.headers) headers.push_back({name, bytes_of(value)});
  const std::optional<DeadLetter> letter = read_dead_letter({.offset = record.offset,
                                                             .timestamp_ms = record.timestamp_ms,
                                                             .key = bytes_of(record.key),
                                                             .value = bytes_of(record.value),
                                                             .headers = headers});
  if (!letter) return nullptr;
  return {
      {"partition", record.partition},
      {"offset", record.offset},
      {"timestamp_ms", record.timestamp_ms},
      {"error", letter->error},
      {"reason", letter->reason},
      {"from",
       {{"topic", letter->topic}, {"partition", letter->partition}, {"offset", letter->offset}}},
      {"task", letter->task},
      {"key_bytes", size_of(letter->key)},
      {"value_bytes", size_of(letter->value)},
      {"sealed", letter->is_sealed()}};
}

HttpAnswer newest_letters(const QueryRouter& router, const std::string& topic,
                          const HttpRequest& request) {
  const auto limit = static_cast<size_t>(request.integer("limit").value_or(kLimitDefault));
  const auto records = router.newest_records(topic, limit, request.deadline);
  if (!records.ok()) return error_answer(records.error());
  ordered_json letters = ordered_json::array();
  for (const TopicRecord& record : *records) {
    ordered_json letter = letter_json(record);
    if (!letter.is_null()) letters.push_back(std::move(letter));
  }
  const ordered_json body{{"topic", topic}, {"letters", std::move(letters)}};
  return {.body = body.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n"};
}

}  // namespace

void add_dead_letter_route(QueryServer& server, const Engine& engine, std::string topic) {
  server.route({.pattern = "/v1/dead-letters",
                .summary = "The newest dead letters: origin, reason and sizes.",
                .parameters = {{.name = "limit",
                                .meaning = "So many at most; 50 unless it says otherwise.",
                                .type = HttpParameter::Type::kInteger,
                                .min = 1,
                                .max = kLimitMax}},
                .errors = {{404, "The topic does not exist yet."}},
                .answer_schema = kSchema,
                .is_scan = true,
                .handler = [&engine, topic = std::move(topic)](const HttpRequest& request) {
                  HttpAnswer answer;
                  answer.later = [&router = engine.router(), topic, request] {
                    return newest_letters(router, topic, request);
                  };
                  return answer;
                }});
}

}  // namespace millrace::engine
