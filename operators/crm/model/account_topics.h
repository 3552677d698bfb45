#pragma once

#include <string>
#include <string_view>

#include "millrace/core/topic.h"

#include "account_generated.h"
#include "account_row_generated.h"
#include "account_state_generated.h"
#include "conflict_generated.h"
#include "erasure_generated.h"
#include "erasure_report_generated.h"
#include "member_update_generated.h"
#include "merge_fact_generated.h"
#include "redirect_generated.h"

namespace millrace::crm {

/// Topics of the account flow. Keys of the inputs do not matter: the flow keys records by their
/// contents.
inline constexpr Topic<RawBytes, AccountChange> kAccounts{"crm.accounts"};
inline constexpr Topic<RawBytes, MergeFact> kMergeFacts{"crm.merge-facts"};
inline constexpr Topic<std::string, Redirect> kRedirects{"crm.redirects"};
inline constexpr Topic<std::string, AccountState> kAccountStates{"crm.account-state"};
inline constexpr Topic<std::string, Conflict> kConflicts{"crm.conflicts"};
inline constexpr Topic<RawBytes, Erasure> kErasures{"crm.erasures"};
inline constexpr Topic<std::string, ErasureReport> kErasureReports{"crm.erasure-reports"};

/// Stores of the account flow, for queries. Keys are ids.
inline constexpr std::string_view kRowStore = "account-rows";            ///< id → AccountRow
inline constexpr std::string_view kRedirectStore = "account-redirects";  ///< id → Redirect
inline constexpr std::string_view kMemberStore =
    "account-members";  ///< root, member → MemberUpdate
inline constexpr std::string_view kAccountStateStore = "account-states";  ///< root → AccountState
inline constexpr std::string_view kDeleteGraceTimers = "delete-grace-timers";  ///< private
inline constexpr std::string_view kErasureStore = "account-erasures";          ///< id → Erasure
inline constexpr std::string_view kForestStore = "merge-forest";  ///< see merge_forest.h

}  // namespace millrace::crm
