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

/// The features of products: a compacted topic that the deriver reads as a broadcast table.
inline constexpr Topic<std::string, ProductFeatures> kProductFeatures{"crm.product-features"};

/// Stores of the deriver; `key_under` makes the keys.
inline constexpr std::string_view kEntitlementSourceStore =
    "entitlement-sources";  ///< root, source, via → EntitlementInput
inline constexpr std::string_view kEntitlementZoneStore =
    "entitlement-zones";  ///< root → name of the time zone
inline constexpr std::string_view kEntitlementProductStore =
    "entitlement-products";  ///< product, root, source, via → empty
inline constexpr std::string_view kEntitlementStateStore =
    "entitlement-states";  ///< root, feature → FeatureEntitlement
inline constexpr std::string_view kEntitlementTimerStore =
    "entitlement-timers";  ///< root, feature: its next change; root: the place a new catalogue
                           ///< reached; product, root: that of its change
inline constexpr std::string_view kEntitlementCursorStore =
    "entitlement-deriver-cursors";  ///< private

/// The number of roots that one unit asks for after a change of the catalogue.
inline constexpr size_t kCatalogueSlice = 32;

/// The stores of a topology with the deriver; the deriver's node uses them all.
std::vector<StoreSpec> entitlement_stores();

/// Derives the entitlements of accounts. Takes EntitlementInputs keyed by root and keeps one entry
/// per (source, member account). If several members brought a source, one entry counts
/// (`grants_of`), so after a merge the grants of all members count, once each. Forwards, keyed by
/// root and feature, the new FeatureEntitlement with the previous one whenever more than its
/// counter would change, and a tombstone when no grant is left. The store keeps a row for those
/// too, so that the counter never goes back.
///
/// At `next_change_ms` a timer advances `current`: one step per boundary, in order, after downtime
/// too, each with the boundary's time as `as_of_ms` and as the record's timestamp.
///
/// Inputs of one (source, member) must come in order, those of different ones in any order;
/// repeated inputs change nothing, nor does a new version alone of a source that came through one
/// member. An input that `validate_entitlement_input` refuses throws
/// std::invalid_argument. For a time zone that tzdata does not know the deriver uses UTC, and
/// counts it as dropped "unknown_time_zone"; it counts grants of another kind than their feature's
/// as "other_kind", subscriptions without quantity and ledger as "subscription_without_units".
///
/// A change of a product counts at once for all later derivations. Timers a millisecond apart have
/// all other roots of the task that have the product derived again, `slice` of them at a time, so
/// that other records come between. Changes that come together share one such walk. If the changed
/// product is unknown, the walk covers all roots.
///
/// All inputs of a root in one commit together cost reading all its sources and all its features'
/// rows, and deriving them, as of the first of them; boundaries since then follow as steps of their
/// own. A boundary costs reading and writing one row.
/// REQUIRES: the node reads broadcast table `kProductFeatures`; `slice` > 0.
ProcessorFactory entitlement_deriver(size_t slice = kCatalogueSlice);

/// Turns AccountStates, keyed by root, into the TimeZone inputs of the deriver behind it: the
/// zone's name is in `field` of the golden record. Forwards only differences from the previous
/// state.
ProcessorFactory account_time_zone(std::string field);

}  // namespace millrace::crm
