#pragma once

#include <string>

#include "millrace/core/processor.h"

#include "crm/tables/table_options.h"

namespace millrace::crm {

/// Children of the table tracker, in the order in which they must be declared.
enum TableTrackerChild : size_t {
  kFloorsChild = 0,        ///< TableFloors' TableFloor to every task: keys say the partition
  kTrackReportsChild = 1,  ///< Conflict `TableSwept` by "source:entity"
};

/// Takes TableEvents keyed by the source's log, those of loads by table, and forwards a TableFloor
/// to each task:
/// - of a truncate, at once;
/// - of a table whose snapshot is complete: its last row came, or the last row of the whole
/// snapshot
///   and its own first row, in any order;
/// - of a table whose load is complete: its end and as many records as the end counts came, in any
///   order. A load of more records is abandoned, and so are open ones when a load of a later
///   moment is complete, or eight others are open.
/// A snapshot that another one of the log follows before it is complete is abandoned: it is
/// reported and gives no floor. Rows of one snapshot have one position; the higher one is the later
/// snapshot.
///
/// `snapshots`: log, or table of a load → TableSnapshots. `floors`: the store that the floors come
/// to, of whose tasks the tracker is part: a floor that is known there has gone to all of them, and
/// goes no second time. Counted as dropped: "table_truncated", "snapshot_began",
/// "snapshot_complete", "snapshot_abandoned", "load_began", "load_complete", "load_abandoned", each
/// once a table; "load_outdated", parts of a load that is older than a complete one.
ProcessorFactory table_tracker(std::string snapshots, std::string floors, SnapshotSweep sweep);

}  // namespace millrace::crm
