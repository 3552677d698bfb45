#pragma once

#include "crm/children/child_key.h"
#include "crm/merge_forest.h"
#include "crm/topology_nodes.h"

namespace millrace::crm {

/// The way of erasures to the tasks that own something of a record, after all other nodes of
/// accounts, merges and children are there.
void add_erasure(Nodes& nodes, const ParentFields& parents, UnmergedChildren children);

}  // namespace millrace::crm
