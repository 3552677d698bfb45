#pragma once

#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// The two sides of the join of account rows with redirects, by id. Both send MemberUpdates keyed
/// by the root that the id belongs to, so that one task puts each component together. An id
/// without a redirect is its own root; an id without a row is still a member.
///
/// Row side: takes AccountRow changes keyed by id; sends the member's update to its root.
ProcessorFactory row_router(std::string redirect_store);

/// Children of the redirect router, in the order in which they must be declared.
enum RedirectRouterChild : size_t {
  kMemberUpdatesChild = 0,
  /// Redirects of ids whose root changed, or that have or had stays; may be missing
  kMovedRootsChild = 1
};

/// Redirect side: takes Redirects keyed by id in offset order and keeps the latest in
/// `redirect_store`, which thus holds the root that updates last went to. When the root moved, it
/// first retracts the member from the old root, then adds it with its row to the new one. Repeated
/// redirects do nothing. A null value, of an erased id, makes the id its own root and forgets its
/// redirect; without a row the id is then no member of anything.
ProcessorFactory redirect_router(std::string redirect_store, std::string row_store);

}  // namespace millrace::crm
