#pragma once

#include <cstdint>
#include <optional>

#include "crm/model/version.h"

namespace millrace::crm {

/// The place of a snapshot's row in its snapshot.
enum class SnapshotMark : unsigned char {
  kNone,       ///< within it, of an incremental snapshot, or no snapshot's row
  kFirst,      ///< of its table
  kLast,       ///< of its table
  kLastOfAll,  ///< of all tables of the snapshot
};

/// The place of a record in a load: all records of a table, as whoever loads them read them.
enum class LoadMark : unsigned char {
  kNone,   ///< of no load
  kBegan,  ///< no record, but the mark before all of them
  kRow,    ///< one of its records
  kEnded,  ///< no record, but the mark after all of them
};

/// Debezium's events have no sequence number of their own. Theirs tells what their place in the log
/// cannot.
inline constexpr int64_t kUnplacedSequence = 1;
inline constexpr int64_t kBelowSnapshotSequence = -1;

/// Whether a streamed change may have been committed after `floor`, a version of `below_snapshot`,
/// although its place is lower: the changes of PostgreSQL's first transaction after a snapshot name
/// no commit before their own. Those of an earlier snapshot's are older by the clock, too.
inline bool may_follow(VersionView floor, VersionView change) {
  constexpr int64_t kClocksDifferMsMax = 3'600'000;
  return !change.log.empty() && change.log == floor.log &&
         change.sequence_number == kUnplacedSequence &&
         floor.sequence_number == kBelowSnapshotSequence &&
         change.commit_timestamp_ms >= floor.commit_timestamp_ms - kClocksDifferMsMax;
}

/// The version below all rows of a snapshot, of which `row` is that of one, and above all that was
/// there before. Rows of a snapshot have one position, whose last number is a zero. nullopt: the
/// row has no such position, so nothing is known about the snapshot.
inline std::optional<VersionView> below_snapshot(VersionView row) {
  if (!row.position.ends_with('0')) return std::nullopt;
  row.position.remove_suffix(1);
  row.sequence_number = kBelowSnapshotSequence;
  row.transaction_key = {};
  return row;
}

/// The version below all records of a load, of which `row` is that of one or of a mark, and above
/// all that was committed before its moment.
inline VersionView below_load(VersionView row) {
  return {.commit_timestamp_ms = row.commit_timestamp_ms,
          .sequence_number = kBelowSnapshotSequence};
}

}  // namespace millrace::crm
