#include "apps/materializer/conflict_answer.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "millrace/core/serde.h"

#include "apps/materializer/account_query.h"
#include "conflict_generated.h"

namespace millrace::apps {
namespace {

using nlohmann::json;

constexpr int64_t kConflictsDefault = 50;

/// Null for what is no conflict.
json conflict_json(const QueryRouter::TopicRecord& record) {
  if (!record.value) return nullptr;
  if (!Serde<crm::Conflict>::validate(Bytes(*record.value)).ok()) return nullptr;
  const auto& conflict = Serde<crm::Conflict>::view(Bytes(*record.value));
  json ids = json::array();
  for (const flatbuffers::String* id : *conflict.ids()) ids.push_back(id->str());
  return {{"kind", crm::EnumNameConflictKind(conflict.kind())},
          {"ids", std::move(ids)},
          {"text", conflict.text() == nullptr ? "" : conflict.text()->str()},
          {"timestamp_ms", record.timestamp_ms},
          {"partition", record.partition},
          {"offset", record.offset}};
}

}  // namespace

const char* const kConflictsSchema = R"({
  "type": "object", "required": ["topic", "conflicts"],
  "properties": {
    "topic": {"type": "string"},
    "conflicts": {"type": "array", "items": {
      "type": "object",
      "required": ["kind", "ids", "text", "timestamp_ms", "partition", "offset"],
      "properties": {
        "kind": {"type": "string"},
        "ids": {"type": "array", "items": {"type": "string"}},
        "text": {"type": "string"},
        "timestamp_ms": {"type": "integer"},
        "partition": {"type": "integer"},
        "offset": {"type": "integer"}}}}}})";

HttpAnswer conflicts_answer(const QueryRouter& router, const std::string& topic,
                            const HttpRequest& request) {
  const auto limit = static_cast<size_t>(request.integer("limit").value_or(kConflictsDefault));
  const auto records = router.newest_records(topic, limit, request.deadline);
  if (!records.ok()) return error_answer(records.error());
  json conflicts = json::array();
  for (const QueryRouter::TopicRecord& record : *records) {
    json conflict = conflict_json(record);
    if (!conflict.is_null()) conflicts.push_back(std::move(conflict));
  }
  return {.body = text_of(json{{"topic", topic}, {"conflicts", std::move(conflicts)}}) + "\n"};
}

}  // namespace millrace::apps
