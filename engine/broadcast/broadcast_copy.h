#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/record.h"
#include "millrace/core/store.h"

#include "engine/clients/record_batch.h"

namespace millrace::engine {

/// The copy of a broadcast topic that the tasks of an instance share: for every row the versions
/// that some task's cursor may still have to see, and the changes that some cursor has not passed.
///
/// A cursor holds an offset per partition and has seen all changes before it. The loop's thread
/// writes the copy between slices, and tasks read it in slices, so there are no locks. Views live
/// until `append` or `prune`.
class BroadcastCopy {
 public:
  /// `begun_ms`: time of day, before anything is read.
  explicit BroadcastCopy(int32_t partitions, int64_t begun_ms = 0)
      : begun_ms_(begun_ms), logs_(static_cast<size_t>(partitions)) {}

  /// Adds the next record of a partition. REQUIRES: it has a key.
  void append(int32_t partition, const FetchedRecord& record);
  /// A record that is no row.
  void pass(int32_t partition, int64_t offset);
  /// The reader is at the end of the topic, at `end_offset`; what was appended before the first
  /// call is what the topic held when it was read first.
  void mark_end(int32_t partition, int64_t end_offset);
  /// At `time_ms`, a time of day, the partition held nothing that is not here.
  void mark_complete(int32_t partition, int64_t time_ms);
  bool is_loaded() const;
  int32_t partitions() const { return static_cast<int32_t>(logs_.size()); }

  struct Change {
    int64_t offset = 0;
    Bytes key;
    Row row;         ///< null value: deleted
    Row row_before;  ///< null value: none, or not known
    bool is_old_known = true;
  };
  /// Offset of the first change at or after `offset`; −1: there is none.
  int64_t next_offset(int32_t partition, int64_t offset) const;
  int64_t timestamp_ms(int32_t partition, int64_t offset) const;
  /// The part of a partition that somebody met in other copies before.
  struct Elsewhere {
    int64_t up_to = 0;  ///< all changes before this offset that were there; 0: none
    /// Versions before this offset may have been compacted away before the other copies read them.
    int64_t gap_end = 0;
    /// Whether the other copies may have read further than this one has.
    bool may_be_ahead = false;
  };
  /// The change for somebody who met `elsewhere`. The other copies may have had a later version of
  /// the row before, which Kafka compacted away before this one had read as far, or may never have
  /// had the version before that this one has; then the old row is not known.
  /// REQUIRES: there is a change at exactly this offset.
  Change change(int32_t partition, int64_t offset, const Elsewhere& elsewhere) const;
  /// The offset after the last gap before the change at exactly this offset, or before the end of
  /// the copy where there is no such change; 0: none.
  int64_t gap_end_before(int32_t partition, int64_t offset) const;

  Row get(Bytes key, std::span<const int64_t> cursor) const;
  void for_each(std::span<const int64_t> cursor,
                const std::function<void(Bytes key, Row row)>& visit) const;

  /// Where the topic ended at the first read.
  int64_t loaded_end(int32_t partition) const { return log(partition).loaded_end; }
  /// The copy cannot serve a cursor below this any more.
  int64_t floor(int32_t partition) const { return log(partition).floor; }
  /// Where the topic ends, as far as it was read.
  int64_t end(int32_t partition) const { return log(partition).end; }
  /// Where the topic ended when the copy last had all of it. In place of a version that was
  /// compacted away before here, the copy has a later one.
  int64_t complete_end(int32_t partition) const { return log(partition).complete_end; }
  /// Time of day before it read anything.
  int64_t begun_ms() const { return begun_ms_; }
  /// The last time of day at which it is known to have had all of a partition; −1: not known.
  int64_t complete_ms(int32_t partition) const { return log(partition).complete_ms; }
  /// A time of day before all changes at or after `offset` were written; −1: not known, for the
  /// first of them was there when the copy was loaded.
  int64_t before_changes_ms(int32_t partition, int64_t offset) const;

  /// Forgets what no cursor at or after `floors` (one per partition) can see.
  void prune(std::span<const int64_t> floors);
  size_t rows() const { return rows_.size(); }
  size_t versions() const { return versions_; }

 private:
  struct Version {
    int32_t partition = 0;
    int64_t offset = 0;
    int64_t timestamp_ms = 0;
    bool is_deleted = false;
    size_t size = 0;
    std::vector<uint64_t> words;  ///< so that values are 8-byte aligned

    Row row() const;
  };
  using Versions = std::vector<Version>;  ///< in the order of reading
  using Rows = std::map<std::string, Versions, std::less<>>;
  struct Entry {
    int64_t offset = 0;
    Rows::iterator row;
    int64_t gap_end = 0;     ///< offset after the last gap before it; 0: there was none
    int64_t before_ms = -1;  ///< when the copy was complete without it; −1: not known
  };
  struct Log {
    std::deque<Entry> changes;  ///< ascending offsets
    int64_t loaded_end = -1;
    int64_t complete_end = 0;
    int64_t complete_ms = -1;  ///< when it is known to have been complete; −1: never
    int64_t floor = 0;
    int64_t end = 0;
    /// Offset after the last gap in what was read: versions may have been compacted away there. 0:
    /// none. Offsets without a record at the topic's end are no gap, for nothing later could have
    /// replaced a version there.
    int64_t gap_end = 0;
  };

  const Log& log(int32_t partition) const { return logs_[static_cast<size_t>(partition)]; }
  std::deque<Entry>::const_iterator find(int32_t partition, int64_t offset) const;
  bool is_old_known(int32_t partition, int64_t offset, const Version* before,
                    const Elsewhere& elsewhere) const;
  bool is_latest_before(int32_t partition, int64_t offset, const Version* before,
                        int64_t met_elsewhere) const;
  static const Version* visible(const Versions& versions, std::span<const int64_t> cursor);
  void supersede(int32_t partition, const Entry& seen);

  int64_t begun_ms_ = 0;
  Rows rows_;
  std::vector<Log> logs_;
  size_t versions_ = 0;
};

}  // namespace millrace::engine
