#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "crm/mapping/child_key.h"
#include "crm/model/topology_nodes.h"
#include "crm/tables/table_options.h"

namespace millrace::crm {

inline constexpr std::string_view kTableFloorStore = "table-floors";             ///< private
inline constexpr std::string_view kTableSnapshotStore = "table-snapshots";       ///< private
inline constexpr std::string_view kAccountSweepStore = "account-sweeps";         ///< private
inline constexpr std::string_view kAccountSweepTimers = "account-sweep-timers";  ///< private
inline constexpr std::string_view kChildSweepStore = "child-sweeps";             ///< private
inline constexpr std::string_view kChildSweepTimers = "child-sweep-timers";      ///< private

std::vector<StoreSpec> table_stores(bool has_children);

/// Adds the way of `events`, the exchange of TableEvents by log, to the rows of all tasks. Call it
/// after the nodes of accounts and children are added.
void add_tables(Nodes& nodes, NodeIndex events, bool has_children, TableOptions options);

}  // namespace millrace::crm
