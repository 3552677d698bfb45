#include "crm/entitlement/entitlement_topology.h"

#include <string>

#include "crm/entitlement/child_source.h"
#include "crm/model/composite_key.h"

namespace millrace::crm {
namespace {

/// Our name of the account's field with its time zone.
constexpr const char* kTimeZoneField = "time_zone";

}  // namespace

bool has_grants(const ParentFields& parents) {
  for (size_t kind = 0; kind < parents.size(); ++kind) {
    if (!parents[kind].empty() && grants_features(static_cast<ChildKind>(kind))) return true;
  }
  return false;
}

void add_entitlements(Nodes& nodes, NodeIndex account_states, NodeIndex child_counter) {
  const NodeIndex sources =
      nodes.processor("entitlement-sources", child_sources(), {child_counter});
  const NodeIndex zones =
      nodes.processor("account-time-zones", account_time_zone(kTimeZoneField), {account_states});
  const NodeIndex deriver =
      nodes.processor("entitlement-deriver", entitlement_deriver(), {sources, zones});
  for (const StoreSpec& store : entitlement_stores()) nodes[deriver].stores.push_back(store.name);
  nodes[deriver].broadcasts = {std::string(kProductFeatures.name)};
  nodes[deriver].cursors = kEntitlementCursorStore;
  // Not coalesced: whoever follows the topic sees every flip, also those of one commit.
  const NodeIndex out = nodes.sink("entitlements-out", use_of(kEntitlements), deriver, false);
  nodes[out].partition_key = &root_in_key;
}

}  // namespace millrace::crm
