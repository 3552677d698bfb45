#include "apps/materializer/entitlement_answer.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "crm/entitlement/deriver.h"
#include "crm/model/composite_key.h"

namespace millrace::apps {
namespace {

using nlohmann::json;

/// How a feature stands at one moment.
struct Moment {
  int64_t ms = 0;
  const crm::EntitlementSegment* segment = nullptr;  ///< null: not entitled then
  std::optional<int64_t> next_change_ms{};
};

bool covers(std::optional<int64_t> from_ms, std::optional<int64_t> to_ms, int64_t ms) {
  return from_ms.value_or(ms) <= ms && (!to_ms || ms < *to_ms);
}

std::optional<int64_t> known(const flatbuffers::Optional<int64_t>& ms) {
  return ms ? std::optional<int64_t>(*ms) : std::nullopt;
}

/// The present, as the program last computed it, or another moment of the timeline.
Moment moment_of(const crm::FeatureEntitlement& entitlement, std::optional<int64_t> as_of_ms) {
  if (!as_of_ms) {
    return {entitlement.as_of_ms(), entitlement.current(), known(entitlement.next_change_ms())};
  }
  Moment moment{.ms = *as_of_ms};
  if (entitlement.segments() == nullptr) return moment;
  for (const crm::EntitlementSegment* segment : *entitlement.segments()) {
    const auto from_ms = known(segment->from_ms());
    const auto to_ms = known(segment->to_ms());
    if (to_ms && *to_ms <= moment.ms) continue;
    if (covers(from_ms, to_ms, moment.ms)) {
      moment.segment = segment;
      moment.next_change_ms = to_ms;
    } else {
      moment.next_change_ms = from_ms;
    }
    break;  // they are in order of time
  }
  return moment;
}

json segment_json(const crm::EntitlementSegment* segment) {
  if (segment == nullptr) return nullptr;
  json shown{{"status", crm::EnumNameEntitlementStatus(segment->status())},
             {"amount", segment->amount()}};
  if (segment->text() != nullptr) shown["text"] = segment->text()->str();
  if (segment->to_ms()) shown["until_ms"] = *segment->to_ms();
  return shown;
}

/// Whose shares cover the moment.
json sources_json(const crm::FeatureEntitlement& entitlement, const Moment& moment) {
  json sources = json::array();
  if (moment.segment == nullptr || entitlement.shares() == nullptr) return sources;
  for (const crm::EntitlementShare* share : *entitlement.shares()) {
    if (!covers(known(share->from_ms()), known(share->to_ms()), moment.ms)) continue;
    if (share->status() != moment.segment->status()) continue;
    sources.push_back({{"source", share->source()->str()},
                       {"via", share->via()->str()},
                       {"amount", share->amount()}});
  }
  return sources;
}

}  // namespace

json entitlement_json(const crm::FeatureEntitlement& entitlement, std::optional<int64_t> as_of_ms) {
  const Moment moment = moment_of(entitlement, as_of_ms);
  return {{"kind", crm::EnumNameFeatureKind(entitlement.kind())},
          {"current", segment_json(moment.segment)},
          {"sources", sources_json(entitlement, moment)},
          {"as_of_ms", moment.ms},
          {"next_change_ms", moment.next_change_ms ? json(*moment.next_change_ms) : json()},
          {"version", entitlement.version()}};
}

Result<json> entitlements_json(const Queries& queries, const std::string& root, int32_t partition,
                               std::optional<int64_t> as_of_ms) {
  json features = json::object();
  const std::string from = crm::key_under(root, "");
  const std::optional<std::string> to = prefix_end(Bytes(from));
  Status valid;
  const Result<StatePosition> seen = queries.scan_partition(
      crm::kEntitlementStateStore, partition,
      {.from = Bytes(from), .to = to ? Bytes(*to) : Bytes()}, [&](TaskId, Bytes key, Row row) {
        valid = Serde<crm::FeatureEntitlement>::validate(row.value);
        if (!valid.ok()) return false;
        const auto& entitlement = Serde<crm::FeatureEntitlement>::view(row.value);
        if (entitlement.segments() == nullptr || entitlement.segments()->size() == 0) return true;
        features[std::string(crm::name_in_key(key))] = entitlement_json(entitlement, as_of_ms);
        return true;
      });
  if (!seen.ok() && seen.code() == ErrorCode::kInvalidArgument) return json();  // no such store
  if (!seen.ok()) return seen.status();
  if (!valid.ok()) return valid;
  return features;
}

}  // namespace millrace::apps
