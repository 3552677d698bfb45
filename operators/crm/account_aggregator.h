#pragma once

#include <string>
#include <string_view>

#include "millrace/core/processor.h"

#include "crm/golden_record.h"

namespace millrace::crm {

/// Key of a member's entry in the member store: all entries of a root are neighbours.
std::string member_key(std::string_view root, std::string_view member);

/// Puts components of merged accounts together: takes MemberUpdates keyed by root, keeps one entry
/// a member in `member_store`, and the component's AccountState in `state_store`.
///
/// Forwards, keyed by root, the new AccountState with the one forwarded before, whenever it changed
/// by more than its counter; a tombstone for a root that became a victim or was deleted, if a state
/// had been forwarded. The store keeps a row for those too, so that the counter never goes back
/// (M8) and a query still finds the members. Updates of one (root, member) must come in order; of
/// different members in any. Repeated updates change nothing.
///
/// Costs reading all entries of the root for each update that changes one.
ProcessorFactory account_aggregator(std::string member_store, std::string state_store,
                                    SurvivorshipPolicy policy);

}  // namespace millrace::crm
