#pragma once

#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// Children of the child counter, in the order in which they must be declared.
enum ChildCounterChild : size_t {
  /// A null value, keyed by root: the root's counts in the store changed.
  kCountsChild = 0,
  /// Children by root: every ChildUpdate but retractions of entries that are not there, keyed by
  /// root. One that was repeated comes again.
  kChildrenByRootChild = 1
};

/// Takes ChildUpdates keyed by root and keeps the children of whole components: one entry each
/// under root, `child_key` and account in `entry_store`, without versions and row, and in
/// `count_store` per root how many there are of each kind (ChildCounts; no row for none).
///
/// A child counts once, through however many accounts it came: from its first entry until its last.
/// Updates of one (root, child, account) must come in order, others in any order. Updates of an
/// entry that is there change neither store. Costs reading the entry and the row of counts, however
/// many children there are; and the entries of the one child, if any child came through another
/// account than the root.
ProcessorFactory child_counter(std::string entry_store, std::string count_store);

}  // namespace millrace::crm
