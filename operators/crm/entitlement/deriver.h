#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/topic.h"
#include "millrace/core/topology.h"

#include "entitlement_input_generated.h"
#include "feature_entitlement_generated.h"
#include "product_features_generated.h"

namespace millrace::crm {

/// Keyed by `key_under(root, feature)`, partitioned by `root_in_key`.
inline constexpr Topic<std::string, FeatureEntitlement> kEntitlements{"crm.entitlements"};

/// What products give: a compacted topic that the deriver reads as a broadcast table.
inline constexpr Topic<std::string, ProductFeatures> kProductFeatures{"crm.product-features"};

/// Stores of the deriver; keys are made by `key_under`.
inline constexpr std::string_view kEntitlementSourceStore =
    "entitlement-sources";  ///< root, source, via → EntitlementInput
inline constexpr std::string_view kEntitlementZoneStore =
    "entitlement-zones";  ///< root → name of the time zone
inline constexpr std::string_view kEntitlementProductStore =
    "entitlement-products";  ///< product, root, source, via → empty
inline constexpr std::string_view kEntitlementSizeStore =
    "entitlement-sizes";  ///< root with many sources → how many they were (int64)
inline constexpr std::string_view kEntitlementStateStore =
    "entitlement-states";  ///< root, feature → FeatureEntitlement
inline constexpr std::string_view kEntitlementTimerStore =
    "entitlement-timers";  ///< root, feature: its next change; root: that it is to be derived, or
                           ///< where a new catalogue got to; product, root: where its change did
inline constexpr std::string_view kEntitlementCursorStore =
    "entitlement-deriver-cursors";  ///< private

/// Roots that are derived again in one unit after a change of the catalogue.
inline constexpr size_t kCatalogueSlice = 32;

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
/// A change of a product counts at once for what is derived from then on; all other roots of the
/// task that have it are derived again by timers a millisecond apart, `slice` of them at a time, so
/// that other records come between. Changes that come together are one such walk. So are all roots
/// if what changed is not known.
///
/// Costs for each input that changes something: reading all sources of the root and all its
/// features' rows, and deriving them; but where they are 100 or more, this is done by a durable
/// timer a tenth of a millisecond a source later, for all inputs that came meanwhile. For a
/// boundary: reading and writing one row. REQUIRES: the node reads broadcast table
/// `kProductFeatures`; `slice` > 0.
ProcessorFactory entitlement_deriver(size_t slice = kCatalogueSlice);

/// Turns AccountStates, keyed by root, into the TimeZone inputs of the deriver behind it: the
/// zone's name is in `field` of the golden record. Forwards only what differs from the state
/// before.
ProcessorFactory account_time_zone(std::string field);

}  // namespace millrace::crm
