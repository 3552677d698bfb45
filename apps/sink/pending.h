#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "apps/sink/rows.h"
#include "apps/sink/tables.h"
#include "engine/clients/record_batch.h"

namespace millrace::apps::sink {

/// By how far a batch moves a partition.
struct PositionChange {
  TopicPartition partition;
  int64_t from = 0;
  int64_t to = 0;  ///< the next record to read
};

/// A change with the number of its tables among all.
struct BatchChange {
  size_t tables = 0;
  RowChange row;
  size_t record = 0;  ///< of the pending records; the one that the change comes from
};

/// Written in one database transaction.
struct Batch {
  std::vector<PositionChange> positions;  ///< each partition once, sorted
  /// At most one change of each key, but for those that do not replace.
  std::vector<BatchChange> changes;
};

/// Records that were read and are not yet in the database, with the changes that they make.
class Pending {
 public:
  /// Both must outlive this.
  Pending(std::span<const TopicTables> tables, const FieldTypes& fields)
      : tables_(tables), fields_(fields) {}

  /// Records to come are appended here, in the order of their partition.
  engine::RecordBatch& records() { return records_; }
  /// Plans the records that came since the last call. They are of `partition`, which was read from
  /// `from` on.
  void take(size_t tables, const TopicPartition& partition, int64_t from);

  bool empty() const { return positions_.empty(); }
  size_t size() const { return records_.records().size(); }
  /// Of records and lines, those that a later record replaced aside.
  size_t bytes() const { return bytes_; }

  /// Once; then `clear`.
  Batch batch();
  /// A record without a change, since it is not valid.
  struct Invalid {
    size_t record = 0;
    Error reason;
  };
  std::span<const Invalid> invalid() const { return invalid_; }
  const engine::FetchedRecord& record(size_t number) const { return records_.records()[number]; }
  const TopicPartition& partition_of(size_t number) const;
  void clear();

 private:
  void replace_former(const std::string& key);

  const std::span<const TopicTables> tables_;
  const FieldTypes& fields_;
  engine::RecordBatch records_;
  size_t next_ = 0;  ///< of the first record that was not taken
  size_t bytes_ = 0;
  std::map<TopicPartition, PositionChange> positions_;
  std::map<size_t, TopicPartition> runs_;  ///< by the number of their first record
  std::vector<BatchChange> changes_;
  std::vector<bool> is_replaced_;                            ///< of each change
  std::unordered_multimap<std::string, size_t> changes_of_;  ///< by tables and key
  std::vector<Invalid> invalid_;
};

}  // namespace millrace::apps::sink
