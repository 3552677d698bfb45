#pragma once

#include "crm/mapping/child_key.h"
#include "crm/merges/merge_forest.h"
#include "crm/model/topology_nodes.h"

namespace millrace::crm {

/// Adds the routes of erasures to the tasks that own parts of a record. Call it after all other
/// nodes of accounts, merges and children are added.
void add_erasure(Nodes& nodes, const ParentFields& parents, UnmergedChildren children);

}  // namespace millrace::crm
