#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/topic.h"
#include "millrace/core/topology.h"

#include "account_generated.h"
#include "account_row_generated.h"
#include "account_state_generated.h"
#include "conflict_generated.h"
#include "crm/children/child_index.h"
#include "crm/decode/mapping.h"
#include "crm/entitlement/deriver.h"
#include "crm/merge_forest.h"
#include "crm/output_topic.h"
#include "crm/tables/table_options.h"
#include "crm/territory_assigner.h"
#include "erasure_generated.h"
#include "erasure_report_generated.h"
#include "member_update_generated.h"
#include "merge_fact_generated.h"
#include "redirect_generated.h"

namespace millrace::crm {

class MappingReport;  // decode/mapping_report.h

/// Topics of the account flow. Keys of the inputs do not matter: the flow keys records by their
/// contents.
inline constexpr Topic<RawBytes, AccountChange> kAccounts{"crm.accounts"};
inline constexpr Topic<RawBytes, MergeFact> kMergeFacts{"crm.merge-facts"};
inline constexpr Topic<std::string, Redirect> kRedirects{"crm.redirects"};
inline constexpr Topic<std::string, AccountState> kAccountStates{"crm.account-state"};
inline constexpr Topic<std::string, Conflict> kConflicts{"crm.conflicts"};
inline constexpr Topic<RawBytes, Erasure> kErasures{"crm.erasures"};
inline constexpr Topic<std::string, ErasureReport> kErasureReports{"crm.erasure-reports"};

/// All output topics.
inline constexpr std::array kOutputs{kRedirects.name,          kAccountStates.name,
                                     kAccountTerritories.name, kEntitlements.name,
                                     kConflicts.name,          kErasureReports.name};

/// Stores of the account flow, for queries. Keys are ids.
inline constexpr std::string_view kRowStore = "account-rows";            ///< id → AccountRow
inline constexpr std::string_view kRedirectStore = "account-redirects";  ///< id → Redirect
inline constexpr std::string_view kMemberStore =
    "account-members";  ///< root, member → MemberUpdate
inline constexpr std::string_view kAccountStateStore = "account-states";  ///< root → AccountState
inline constexpr std::string_view kDeleteGraceTimers = "delete-grace-timers";  ///< private
inline constexpr std::string_view kErasureStore = "account-erasures";          ///< id → Erasure
inline constexpr std::string_view kForestStore = "merge-forest";  ///< see merge_forest.h

/// The checks of an input topic's values: a valid FlatBuffer with the required contents.
Status validate_account_change(Bytes bytes);
Status validate_merge_fact(Bytes bytes);
Status validate_erasure(Bytes bytes);

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
