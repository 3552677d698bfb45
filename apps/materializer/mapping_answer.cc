#include "apps/materializer/mapping_answer.h"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(const std::optional<int64_t>& number) {
  return number ? Json(*number) : Json();
}

void add_times(Json& json, const crm::TimeSpan& times) {
  json["first_ms"] = number_or_null(times.first_ms);
  json["last_ms"] = number_or_null(times.last_ms);
}

void add_refusal(Json& json, const char* name, const crm::RefusalFit& refused) {
  json[name] = refused.count;
  if (refused.count == 0) return;
  json["last_reason"] = refused.last_reason;
  json["first_refused_ms"] = number_or_null(refused.times.first_ms);
  json["last_refused_ms"] = number_or_null(refused.times.last_ms);
}

Json field_json(const crm::FieldFit& field) {
  Json json{{"field", field.field}, {"name", field.name.empty() ? Json() : Json(field.name)}};
  if (field.is_personal) json["personal"] = true;
  json["seen"] = field.seen;
  json["null"] = field.nulls;
  add_times(json, field.times);
  add_refusal(json, "refused", field.refused);
  return json;
}

/// Mapped fields that none of the records had, though there were some that have fields.
Json absent_json(const crm::EntityFit& entity) {
  Json absent = Json::array();
  for (const crm::FieldFit& field : entity.fields) {
    if (entity.images > 0 && field.seen == 0) absent.push_back(field.field);
  }
  return absent;
}

Json entity_json(const crm::EntityFit& entity) {
  Json json{{"entity", entity.entity},
            {"type", std::string(to_string(entity.kind))},
            {"records", entity.records},
            {"with_fields", entity.images}};
  add_times(json, entity.times);
  json["absent_fields"] = absent_json(entity);
  json["fields"] = Json::array();
  for (const crm::FieldFit& field : entity.fields) json["fields"].push_back(field_json(field));
  return json;
}

Json topic_json(const crm::TopicFit& topic) {
  Json json{{"topic", topic.topic},
            {"format", std::string(to_string(topic.format))},
            {"records", topic.records}};
  add_times(json, topic.times);
  add_refusal(json, "invalid", topic.invalid);
  json["entities"] = Json::array();
  json["silent_entities"] = Json::array();
  for (const crm::EntityFit& entity : topic.entities) {
    json["entities"].push_back(entity_json(entity));
    if (entity.records == 0) json["silent_entities"].push_back(entity.entity);
  }
  json["unknown_entities"] = Json::array();
  for (const crm::UnknownEntityFit& unknown : topic.unknown_entities) {
    Json one{{"entity", unknown.entity}, {"records", unknown.records}};
    add_times(one, unknown.times);
    json["unknown_entities"].push_back(std::move(one));
  }
  if (topic.unknown_left_out > 0) json["unknown_left_out"] = topic.unknown_left_out;
  return json;
}

}  // namespace

HttpAnswer mapping_answer(std::span<const crm::TopicFit> topics) {
  Json silent = Json::array();
  Json all = Json::array();
  for (const crm::TopicFit& topic : topics) {
    if (topic.records == 0) silent.push_back(topic.topic);
    all.push_back(topic_json(topic));
  }
  const Json json{{"silent_topics", std::move(silent)}, {"topics", std::move(all)}};
  return {.body = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"};
}

}  // namespace millrace::apps
