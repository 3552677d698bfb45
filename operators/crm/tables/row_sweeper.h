#pragma once

#include <cstddef>
#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// Children of the row sweeper, in the order in which they must be declared.
enum RowSweeperChild : size_t { kSweptRowsChild = 0, kSweepReportsChild = 1 };

struct RowSweeperStores {
  std::string rows;      ///< key → AccountRow
  std::string erasures;  ///< key → Erasure; read only
  std::string floors;    ///< table → TableFloors; shared with the row materializer
  std::string sweeps;    ///< private: floor → TableSweep
  std::string timers;    ///< private: wall clock
};

/// Takes TableFloors' TableFloor. Stores the floor, for changes to come, and then deletes, in
/// slices between other records, every row of the table that lies below it: forwards the row's
/// change to the first child, and at the end a Conflict `TableSwept` with the counts to the second.
/// A dry run only counts. The rest of the work is in the store, so a restart resumes at the last
/// commit.
///
/// Floors of other rows than those of `stores.rows` (accounts or children) are ignored, and so are
/// floors that are known or lie below a known one. REQUIRES: slice > 0.
ProcessorFactory row_sweeper(RowSweeperStores stores, bool of_children, size_t slice);

}  // namespace millrace::crm
