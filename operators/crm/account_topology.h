#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/topology.h"

#include "crm/children/child_index.h"
#include "crm/entitlement/deriver.h"
#include "crm/mapping/mapping.h"
#include "crm/merges/merge_forest.h"
#include "crm/model/account_topics.h"
#include "crm/model/output_topic.h"
#include "crm/tables/table_options.h"
#include "crm/territory/territory_assigner.h"

namespace millrace::crm {

class MappingReport;  // decode/mapping_report.h

/// All output topics.
inline constexpr std::array kOutputs{kRedirects.name,          kAccountStates.name,
                                     kAccountTerritories.name, kEntitlements.name,
                                     kConflicts.name,          kErasureReports.name};

struct AccountOptions {
  /// The number of children that one slice moves when an account's root has moved.
  size_t child_move_slice = kChildMoveSlice;
  TerritoryOptions territories{};
  TableOptions tables{};
  /// How long the job waits for the parts of a transaction from which it infers a merge; 0: it
  /// infers none.
  int64_t merge_inference_window_ms = 600'000;
  /// How long a deleted account stays as it was, since it may have been merged; 0: not at all.
  int64_t delete_grace_ms = 0;
  UnmergedChildren unmerged_children = UnmergedChildren::kReturn;
  /// Our names of the accounts' fields by whose values accounts can be found; see `indexes/`.
  std::vector<std::string> indexed_fields{};
  /// Begins the names of output topics, so that another job may write its own beside these. Topics
  /// that are only read keep their names.
  std::string output_prefix{kTopicPrefix};
  /// Counts how the topics fit the mapping, of which it is a report; null: nothing does.
  std::shared_ptr<MappingReport> mapping_report{};
};

/// Reads account changes from topic `crm.accounts`.
Mapping default_mapping();

/// Changes of accounts and of their children, merge facts, territory rules and erasures in;
/// redirects, account states, their territories and entitlements and conflicts out. One
/// sub-topology of one task resolves merges, the other has as many tasks as topic `crm.redirects`
/// has partitions; the mapping's topics may have any count, but the same saves a hop. Children and
/// entitlements have nodes and stores (children/child_topology.h) only if the mapping has any.
/// Error: `kConfig`, also when the mapping reads one of the topics above.
///
/// A query for an id: its root is in `account-redirects` at the id (none: the id itself), the
/// component in `account-states` at the root. Every id ever seen is a member of one component.
Result<Topology> account_topology(Mapping mapping = default_mapping(),
                                  const AccountOptions& options = {});

}  // namespace millrace::crm
