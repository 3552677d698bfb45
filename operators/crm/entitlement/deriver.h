#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/topic.h"
#include "millrace/core/topology.h"

#include "crm/entitlement/catalogue.h"
#include "entitlement_input_generated.h"
#include "feature_entitlement_generated.h"

namespace millrace::crm {

/// Keyed by `key_under(root, feature)`, partitioned by `root_in_key`.
inline constexpr Topic<std::string, FeatureEntitlement> kEntitlements{"crm.entitlements"};

/// Stores of the deriver; keys are made by `key_under`.
inline constexpr std::string_view kEntitlementSourceStore =
    "entitlement-sources";  ///< root, source, via → EntitlementInput
inline constexpr std::string_view kEntitlementZoneStore =
    "entitlement-zones";  ///< root → name of the time zone
inline constexpr std::string_view kEntitlementStateStore =
    "entitlement-states";  ///< root, feature → FeatureEntitlement
inline constexpr std::string_view kEntitlementTimerStore = "entitlement-timers";  ///< private

/// What a topology with the deriver declares; the deriver's node uses them all.
std::vector<StoreSpec> entitlement_stores();

/// Derives what accounts may use. Takes EntitlementInputs keyed by root and keeps one entry a
/// (source, member account); of a source that several members brought one counts (`grants_of`), so
/// after a merge the grants of all members do, once each. Forwards, keyed by root and feature, the
/// new FeatureEntitlement with the one before whenever more than its counter would change, and a
/// tombstone when nothing is granted any more. The store keeps a row for those too, so that the
/// counter never goes back.
///
/// At `next_change_ms` a timer moves `current` on: one step a boundary, in order, after downtime
/// too, each with the boundary's time as `as_of_ms` and as the record's timestamp.
///
/// Inputs of one (source, member) must come in order, of different ones in any; repeated inputs
/// change nothing. An input that `validate_entitlement_input` refuses throws std::invalid_argument.
/// Of a time zone that tzdata does not know, UTC is taken, and it is counted as dropped
/// "unknown_time_zone"; grants of another kind than their feature's as "other_kind".
///
/// Costs for each input that changes something: reading all sources of the root and all its
/// features' rows, and deriving them. For a boundary: reading and writing one row.
/// REQUIRES: `catalogue` is not changed while the processors live.
ProcessorFactory entitlement_deriver(std::shared_ptr<const Catalogue> catalogue);

/// Turns AccountStates, keyed by root, into the TimeZone inputs of the deriver behind it: the
/// zone's name is in `field` of the golden record. Forwards only what differs from the state
/// before.
ProcessorFactory account_time_zone(std::string field);

}  // namespace millrace::crm
