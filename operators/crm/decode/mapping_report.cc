#include "crm/decode/mapping_report.h"

#include <algorithm>

#include "millrace/core/assert.h"

namespace millrace::crm {
namespace {

void add_time(TimeSpan& span, int64_t timestamp_ms) {
  span.first_ms = std::min(span.first_ms.value_or(timestamp_ms), timestamp_ms);
  span.last_ms = std::max(span.last_ms.value_or(timestamp_ms), timestamp_ms);
}

void add_refusal(RefusalFit& refused, std::string_view reason, int64_t timestamp_ms) {
  ++refused.count;
  refused.last_reason.assign(reason);
  add_time(refused.times, timestamp_ms);
}

bool is_one_of(std::span<const std::string_view> sorted, std::string_view name) {
  return std::ranges::binary_search(sorted, name);
}

}  // namespace

void MappingReport::Times::add(int64_t timestamp_ms) {
  int64_t first = first_ms_.load(std::memory_order_relaxed);
  while (timestamp_ms < first && !first_ms_.compare_exchange_weak(first, timestamp_ms)) continue;
  int64_t last = last_ms_.load(std::memory_order_relaxed);
  while (timestamp_ms > last && !last_ms_.compare_exchange_weak(last, timestamp_ms)) continue;
}

TimeSpan MappingReport::Times::span() const {
  const int64_t first = first_ms_.load();
  const int64_t last = last_ms_.load();
  if (first > last) return {};
  return {first, last};
}

MappingReport::MappingReport(const Mapping& mapping) {
  for (const TopicMapping& mapped : mapping.topics) {
    Topic& topic = topics_.emplace_back();
    topic.name = mapped.topic;
    topic.format = mapped.format;
    for (const auto& [name, entity] : mapped.entities) {
      Entity& counted = topic.entities[name];
      counted.kind = entity.kind;
      std::vector<std::string_view> names;
      for (const auto& [source_name, field] : entity.fields) {
        if (!field.dropped) names.push_back(source_name);
      }
      std::ranges::sort(names);
      for (const std::string_view source_name : names) {
        const FieldMapping& mapped_field = *entity.find(source_name);
        Field& field = counted.fields.emplace_back();
        field.source_name = source_name;
        field.name = mapped_field.name;
        field.is_personal = mapped_field.personal;
      }
    }
  }
}

MappingReport::Topic& MappingReport::begin(Topic& topic, int64_t timestamp_ms) {
  topic.records.fetch_add(1, std::memory_order_relaxed);
  topic.times.add(timestamp_ms);
  return topic;
}

void MappingReport::count_null(size_t topic, int64_t timestamp_ms) {
  MILLRACE_ASSERT(topic < topics_.size(), "the mapping has no such topic");
  begin(topics_[topic], timestamp_ms);
}

void MappingReport::count_invalid(size_t topic, std::string_view reason, int64_t timestamp_ms) {
  MILLRACE_ASSERT(topic < topics_.size(), "the mapping has no such topic");
  Topic& counted = begin(topics_[topic], timestamp_ms);
  const std::lock_guard lock(mutex_);
  add_refusal(counted.invalid, reason, timestamp_ms);
}

void MappingReport::count(size_t topic, const Decoded& decoded, int64_t timestamp_ms) {
  MILLRACE_ASSERT(topic < topics_.size(), "the mapping has no such topic");
  Topic& counted = begin(topics_[topic], timestamp_ms);
  if (decoded.skipped == "unknown_entity") {
    return count_unknown(counted, decoded.entity_name, timestamp_ms);
  }
  const auto found = counted.entities.find(decoded.entity_name);
  if (found == counted.entities.end()) return;
  Entity& entity = found->second;
  entity.records.fetch_add(1, std::memory_order_relaxed);
  entity.times.add(timestamp_ms);
  // All changes of a record have the same fields.
  if (!decoded.changes.empty()) count_fields(entity, decoded.changes.front(), timestamp_ms);
  for (const FieldRefusal& refusal : decoded.refusals) {
    count_refusal(counted, entity, refusal, timestamp_ms);
  }
}

void MappingReport::count_fields(Entity& entity, const Change& change, int64_t timestamp_ms) {
  const bool has_fields = change.kind == ChangeKind::kCreate ||
                          change.kind == ChangeKind::kUpdate ||
                          change.kind == ChangeKind::kUndelete;
  if (has_fields) entity.images.fetch_add(1, std::memory_order_relaxed);
  for (Field& field : entity.fields) {
    const auto value =
        std::ranges::lower_bound(change.fields, field.name, std::less<>(), &DecodedField::name);
    const bool has_value = value != change.fields.end() && value->name == field.name;
    if (!has_value && !is_one_of(change.unknown_fields, field.name) &&
        !is_one_of(change.unchanged_fields, field.name)) {
      continue;
    }
    field.seen.fetch_add(1, std::memory_order_relaxed);
    if (has_value && !value->value) field.nulls.fetch_add(1, std::memory_order_relaxed);
    field.times.add(timestamp_ms);
  }
}

void MappingReport::count_unknown(Topic& topic, std::string_view entity, int64_t timestamp_ms) {
  const std::lock_guard lock(mutex_);
  auto found = topic.unknown.find(entity);
  if (found == topic.unknown.end()) {
    if (topic.unknown.size() >= kNamesMax) {
      ++topic.unknown_left_out;
      return;
    }
    found = topic.unknown.emplace(entity, UnknownEntityFit{.entity = std::string(entity)}).first;
  }
  ++found->second.records;
  add_time(found->second.times, timestamp_ms);
}

void MappingReport::count_refusal(Topic& topic, Entity& entity, const FieldRefusal& refusal,
                                  int64_t timestamp_ms) {
  const std::lock_guard lock(mutex_);
  const auto field =
      std::ranges::lower_bound(entity.fields, refusal.field, std::less<>(), &Field::source_name);
  if (field != entity.fields.end() && field->source_name == refusal.field) {
    return add_refusal(field->refused, refusal.reason, timestamp_ms);
  }
  auto other = entity.other_refusals.find(refusal.field);
  if (other == entity.other_refusals.end()) {
    if (topic.other_names >= kNamesMax) return;
    ++topic.other_names;
    other = entity.other_refusals.try_emplace(std::string(refusal.field)).first;
  }
  add_refusal(other->second, refusal.reason, timestamp_ms);
}

EntityFit MappingReport::fit_of(const std::string& name, const Entity& entity) {
  EntityFit fit{.entity = name,
                .kind = entity.kind,
                .records = entity.records.load(),
                .images = entity.images.load(),
                .times = entity.times.span()};
  for (const Field& field : entity.fields) {
    fit.fields.push_back({.field = field.source_name,
                          .name = field.name,
                          .is_personal = field.is_personal,
                          .seen = field.seen.load(),
                          .nulls = field.nulls.load(),
                          .times = field.times.span(),
                          .refused = field.refused});
  }
  for (const auto& [source_name, refused] : entity.other_refusals) {
    fit.fields.push_back({.field = source_name, .seen = refused.count, .refused = refused});
  }
  std::ranges::sort(fit.fields, {}, &FieldFit::field);
  return fit;
}

std::vector<TopicFit> MappingReport::topics() const {
  std::vector<TopicFit> fits;
  fits.reserve(topics_.size());
  const std::lock_guard lock(mutex_);
  for (const Topic& topic : topics_) {
    TopicFit& fit = fits.emplace_back();
    fit.topic = topic.name;
    fit.format = topic.format;
    fit.records = topic.records.load();
    fit.times = topic.times.span();
    fit.invalid = topic.invalid;
    for (const auto& [name, entity] : topic.entities) fit.entities.push_back(fit_of(name, entity));
    for (const auto& [name, unknown] : topic.unknown) fit.unknown_entities.push_back(unknown);
    fit.unknown_left_out = topic.unknown_left_out;
  }
  return fits;
}

}  // namespace millrace::crm
