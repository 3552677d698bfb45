#include "apps/materializer/entitlement_answer.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "crm/composite_key.h"
#include "crm/entitlement/deriver.h"

namespace millrace::apps {
namespace {

using nlohmann::json;

json current_json(const crm::FeatureEntitlement& entitlement) {
  const crm::EntitlementSegment* current = entitlement.current();
  if (current == nullptr) return nullptr;
  json shown{{"status", crm::EnumNameEntitlementStatus(current->status())},
             {"amount", current->amount()}};
  if (current->text() != nullptr) shown["text"] = current->text()->str();
  if (current->to_ms()) shown["until_ms"] = *current->to_ms();
  return shown;
}

/// Whose shares cover the moment that `current` was taken for.
json sources_json(const crm::FeatureEntitlement& entitlement) {
  json sources = json::array();
  if (entitlement.current() == nullptr || entitlement.shares() == nullptr) return sources;
  const int64_t now_ms = entitlement.as_of_ms();
  for (const crm::EntitlementShare* share : *entitlement.shares()) {
    const bool covers = share->from_ms().value_or(now_ms) <= now_ms &&
                        (!share->to_ms() || now_ms < *share->to_ms()) &&
                        share->status() == entitlement.current()->status();
    if (!covers) continue;
    sources.push_back({{"source", share->source()->str()},
                       {"via", share->via()->str()},
                       {"amount", share->amount()}});
  }
  return sources;
}

json entitlement_json(const crm::FeatureEntitlement& entitlement) {
  json shown{{"kind", crm::EnumNameFeatureKind(entitlement.kind())},
             {"current", current_json(entitlement)},
             {"sources", sources_json(entitlement)},
             {"as_of_ms", entitlement.as_of_ms()},
             {"version", entitlement.version()}};
  const auto next_ms = entitlement.next_change_ms();
  shown["next_change_ms"] = next_ms ? json(*next_ms) : json();
  return shown;
}

}  // namespace

Result<json> entitlements_json(const Queries& queries, const std::string& root, int32_t partition) {
  json features = json::object();
  const std::string from = crm::key_under(root, "");
  const std::optional<std::string> to = prefix_end(Bytes(from));
  Status valid;
  const Result<StatePosition> seen = queries.scan_partition(
      crm::kEntitlementStateStore, partition, Bytes(from), to ? Bytes(*to) : Bytes(),
      [&](TaskId, Bytes key, Row row) {
        valid = Serde<crm::FeatureEntitlement>::validate(row.value);
        if (!valid.ok()) return false;
        const auto& entitlement = Serde<crm::FeatureEntitlement>::view(row.value);
        if (entitlement.segments() == nullptr || entitlement.segments()->size() == 0) return true;
        features[std::string(crm::name_in_key(key))] = entitlement_json(entitlement);
        return true;
      });
  if (!seen.ok() && seen.code() == ErrorCode::kInvalidArgument) return json();  // no such store
  if (!seen.ok()) return seen.status();
  if (!valid.ok()) return valid;
  return features;
}

}  // namespace millrace::apps
