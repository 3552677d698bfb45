#pragma once

#include <vector>

#include "crm/entitlement/deriver.h"
#include "crm/mapping/child_key.h"
#include "crm/model/topology_nodes.h"

namespace millrace::crm {

/// Whether a mapping with these parents has records that give features.
bool has_grants(const ParentFields& parents);

/// Adds the way from children and account states, both by root, to `crm.entitlements`. The topology
/// has `entitlement_stores()` and broadcast table `kProductFeatures`.
/// REQUIRES: `child_counter` has its first child already: this adds its second.
void add_entitlements(Nodes& nodes, NodeIndex account_states, NodeIndex child_counter);

}  // namespace millrace::crm
