#pragma once

#include <string_view>
#include <vector>

#include "crm/mapping/child_key.h"
#include "crm/model/topology_nodes.h"

namespace millrace::crm {

/// Stores of children, for queries.
inline constexpr std::string_view kChildRowStore = "child-rows";  ///< `child_key` → AccountRow
inline constexpr std::string_view kChildErasureStore = "child-erasures";  ///< `child_key` → Erasure
inline constexpr std::string_view kChildEntryStore =
    "account-children";  ///< account, `child_key` → ChildUpdate with the root last sent
inline constexpr std::string_view kChildMoveStore = "child-moves";         ///< private
inline constexpr std::string_view kChildMoveTimers = "child-move-timers";  ///< private
inline constexpr std::string_view kRootChildStore =
    "root-children";  ///< root, `child_key`, account → ChildUpdate without versions and row
inline constexpr std::string_view kChildCountStore = "root-child-counts";  ///< root → ChildCounts

std::vector<StoreSpec> child_stores();

/// Adds the way of children to their accounts; `by_id` forwards AccountChanges keyed by
/// `child_key`. `floor_store`: of the tables of sources; empty: there are none. Returns the child
/// index.
NodeIndex add_child_index(Nodes& nodes, NodeIndex by_id, ParentFields parents,
                          std::string_view floor_store);

/// Adds the way from accounts to roots; call it after the redirect router and its first child are
/// added. Returns the child counter; its first child must be the account aggregator.
NodeIndex add_child_counter(Nodes& nodes, NodeIndex child_index, NodeIndex redirect_router,
                            size_t move_slice);

}  // namespace millrace::crm
