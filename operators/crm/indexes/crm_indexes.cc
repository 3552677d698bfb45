#include "crm/indexes/crm_indexes.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "account_state_generated.h"
#include "account_territory_generated.h"
#include "crm/mapping/mapping.h"
#include "feature_entitlement_generated.h"

namespace millrace::crm {
namespace {

/// Whether the topic has a state, and not a tombstone in its place.
bool is_published(const AccountState& state) {
  return state.status() == AccountStatus::Active || state.status() == AccountStatus::Pending;
}

const AccountState& state_in(Bytes value) {
  return *flatbuffers::GetRoot<AccountState>(value.data());
}

const FeatureEntitlement& entitlement_in(Bytes value) {
  return *flatbuffers::GetRoot<FeatureEntitlement>(value.data());
}

std::optional<int64_t> integer_in(std::string_view text) {
  int64_t number = 0;
  const auto [rest, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return number;
}

void add_members(Bytes, Bytes value, IndexValues& values) {
  const AccountState& state = state_in(value);
  if (!is_published(state)) return;
  values.add(state.members() == nullptr ? int64_t{0} : int64_t{state.members()->size()});
}

void add_expiries(Bytes, Bytes value, IndexValues& values) {
  const auto* const segments = entitlement_in(value).segments();
  if (segments == nullptr) return;
  std::optional<int64_t> end_ms;  // of the active period before
  for (const EntitlementSegment* segment : *segments) {
    if (segment->status() != EntitlementStatus::Active) continue;
    const auto from_ms = segment->from_ms();
    if (end_ms && !(from_ms && *from_ms == *end_ms)) values.add(*end_ms);
    const auto to_ms = segment->to_ms();
    end_ms = to_ms ? std::optional<int64_t>(*to_ms) : std::nullopt;
  }
  if (end_ms) values.add(*end_ms);
}

}  // namespace

std::vector<IndexedField> indexed_fields(const Mapping& mapping,
                                         const std::vector<std::string>& names) {
  const auto types = mapping.field_types(EntityKind::kAccount);
  std::vector<IndexedField> fields;
  for (const std::string& name : names) {
    const auto type = types.find(name);
    fields.push_back({name, type == types.end() ? FieldType::Undeclared : type->second});
  }
  return fields;
}

IndexSpec accounts_by_members() {
  return {std::string(kByMembers), IndexType::kInteger, &add_members};
}

IndexSpec accounts_by_field(IndexedField indexed) {
  std::string name = std::string(kByFieldPrefix) + indexed.name;
  const bool is_integer = indexed.type == FieldType::Integer;
  return {std::move(name), is_integer ? IndexType::kInteger : IndexType::kText,
          [field = std::move(indexed.name), is_integer](Bytes, Bytes value, IndexValues& values) {
            const AccountState& state = state_in(value);
            if (!is_published(state) || state.fields() == nullptr) return;
            const GoldenField* const found = state.fields()->LookupByKey(field.c_str());
            if (found == nullptr || found->value() == nullptr) return;
            if (!is_integer) return values.add(found->value()->string_view());
            if (const auto number = integer_in(found->value()->string_view())) values.add(*number);
          }};
}

IndexSpec assignments_by_territory() {
  return {std::string(kByTerritory), IndexType::kText, [](Bytes, Bytes value, IndexValues& values) {
            const auto& row = *flatbuffers::GetRoot<AccountTerritory>(value.data());
            values.add(row.territory()->string_view());
          }};
}

IndexSpec entitlements_by_feature() {
  return {std::string(kByFeature), IndexType::kText, [](Bytes, Bytes value, IndexValues& values) {
            const FeatureEntitlement& entitlement = entitlement_in(value);
            if (entitlement.segments() == nullptr || entitlement.segments()->size() == 0) return;
            values.add(entitlement.feature()->string_view());
          }};
}

IndexSpec entitlements_by_expiry() {
  return {std::string(kByExpiry), IndexType::kInteger, &add_expiries};
}

}  // namespace millrace::crm
