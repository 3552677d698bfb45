#pragma once

#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// The two sides of the join of account rows with redirects, by id. Both send MemberUpdates keyed
/// by the root that the id belongs to, so that each component is put together in one place. An id
/// without a redirect is its own root; one without a row is a member all the same.
///
/// Row side: takes AccountRow changes keyed by id; sends the member's update to its root.
ProcessorFactory row_router(std::string redirect_store);

/// Children of the redirect router, in the order in which they must be declared.
enum RedirectRouterChild : size_t {
  kMemberUpdatesChild = 0,
  /// Redirects of ids whose root is another than before, or that have stays or had; may be missing
  kMovedRootsChild = 1
};

/// Redirect side: takes Redirects keyed by id in offset order and keeps the latest in
/// `redirect_store`, which so holds the root that was last sent to. When the root moved, first
/// retracts the member from the old root, then adds it with its row to the new one. Repeated
/// redirects do nothing. A null value, of an erased id, makes it its own root and forgets its
/// redirect; without a row it is no member of anything then.
ProcessorFactory redirect_router(std::string redirect_store, std::string row_store);

}  // namespace millrace::crm
