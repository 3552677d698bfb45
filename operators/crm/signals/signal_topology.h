#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crm/mapping/child_key.h"
#include "crm/mapping/mapping.h"
#include "crm/model/topology_nodes.h"

namespace millrace::crm {

inline constexpr std::string_view kTransactionStore = "merge-transactions";         ///< private
inline constexpr std::string_view kTransactionTimers = "merge-transaction-timers";  ///< private
inline constexpr std::string_view kPastParentStore = "child-parents";               ///< private
inline constexpr std::string_view kPastParentTimers = "child-parent-timers";        ///< private

/// The changes of a mapping's entities that signal merges.
struct SignalSources {
  std::string master_field{};  ///< our name of an account's field with its master's id; or empty
  bool transactions = false;   ///< infer merges from transactions
  bool ends = false;           ///< a topic brings the ends of transactions
  int64_t window_ms = 0;

  bool any() const { return transactions || !master_field.empty(); }
};

/// `window_ms`: how long to wait for the parts of a transaction; 0: infer nothing.
/// Error: `kConfig` when entities of accounts name the field with the master differently.
Result<SignalSources> signal_sources(const Mapping& mapping, const ParentFields& parents,
                                     int64_t window_ms);

std::vector<StoreSpec> signal_stores(const SignalSources& sources);

/// Adds the way from changes of accounts by id, and of children by `child_key` (before the row
/// materializers), to `facts`, the exchange of merge facts by victim. `end_decoders` decode the
/// topics with the ends of transactions. `row_store`: of the accounts'
/// materializer. Without transactions it does not use children.
/// REQUIRES: sources.any().
void add_signals(Nodes& nodes, const SignalSources& sources, const ParentFields& parents,
                 NodeIndex account_changes, std::string_view row_store,
                 std::optional<NodeIndex> child_changes, const std::vector<NodeIndex>& end_decoders,
                 NodeIndex facts);

}  // namespace millrace::crm
