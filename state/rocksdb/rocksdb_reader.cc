#include "state/rocksdb/rocksdb_reader.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <rocksdb/snapshot.h>

#include "state/rows/key_group.h"

namespace millrace {
namespace {

constexpr const char* kShortRow = "a row shorter than its header";

}  // namespace

RocksDbIterator::RocksDbIterator(std::shared_ptr<Database> database, StoreNumber number,
                                 const RowRange& range, Status& status,
                                 const rocksdb::Snapshot* snapshot)
    : database_(std::move(database)),
      lower_(database_key(number, range.from)),
      upper_(upper_bound_key(number, range.to)),
      lower_slice_(lower_),
      upper_slice_(upper_),
      is_descending_(range.is_descending),
      failure_(status) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  options.iterate_upper_bound = &upper_slice_;
  options.total_order_seek = is_descending_ || !is_in_one_group(range.from, range.to);
  if (is_descending_) options.iterate_lower_bound = &lower_slice_;
  iterator_.reset(database_->db().NewIterator(options));
  if (is_descending_) {
    iterator_->SeekToLast();
  } else {
    iterator_->Seek(lower_);
  }
  settle();
}

Bytes RocksDbIterator::key() const {
  const rocksdb::Slice key = iterator_->key();
  return {key.data() + kStorePrefixBytes, key.size() - kStorePrefixBytes};
}

void RocksDbIterator::next() {
  if (is_descending_) {
    iterator_->Prev();
  } else {
    iterator_->Next();
  }
  settle();
}

void RocksDbIterator::settle() {
  valid_ = iterator_->Valid();
  if (!valid_) {
    if (!iterator_->status().ok() && failure_.ok()) {
      failure_ = database_->failure("scanning", iterator_->status());
    }
    return;
  }
  row_ = split_row(iterator_->value());
  if (row_.value.is_null()) {
    valid_ = false;
    if (failure_.ok()) {
      failure_ = database_->failure("scanning", rocksdb::Status::Corruption(kShortRow));
    }
    return;
  }
  row_.value = value_.copy(row_.value);
}

Result<StoreReader::OwnedRow> RocksDbReader::get(Bytes key) const {
  rocksdb::PinnableSlice stored;
  rocksdb::DB& db = database_->db();
  const rocksdb::Status status =
      db.Get(rocksdb::ReadOptions(), db.DefaultColumnFamily(), database_key(number_, key), &stored);
  if (status.IsNotFound()) return Error{ErrorCode::kNotFound, "no such row"};
  if (!status.ok()) return database_->failure("reading", status);
  const Row row = split_row(stored);
  if (row.value.is_null()) {
    return database_->failure("reading", rocksdb::Status::Corruption(kShortRow));
  }
  return OwnedRow{row.value.to_string(), row.timestamp_ms};
}

Status RocksDbReader::scan(const RowRange& range,
                           const std::function<bool(Bytes key, Row row)>& visit) const {
  if (range.rows_max == 0) return {};
  Status status;
  RocksDbIterator rows(database_, number_, range, status);
  for (size_t left = range.rows_max; rows.valid() && visit(rows.key(), rows.row()) && --left > 0;) {
    rows.next();
  }
  return status;
}

/// Looks up the rows of some entries together, as of a snapshot.
class RocksDbIndexReader::Lookup {
 public:
  static constexpr size_t kEntriesMax = 128;

  Lookup(const RocksDbIndexReader& reader, const rocksdb::Snapshot* snapshot) : reader_(reader) {
    options_.snapshot = snapshot;
  }

  size_t size() const { return entries_.size(); }
  /// Leaves out bytes that are no entry.
  void add(Bytes entry) {
    const std::optional<IndexEntry> parts = read_index_entry(reader_.place_.type, entry);
    if (!parts) return;
    row_keys_.push_back(database_key(reader_.place_.rows, parts->row_key));
    entries_.push_back(entry.to_string());
  }
  /// Visits the rows of all entries that were added, and forgets them; lowers `left` for each.
  Status visit(const std::function<bool(Bytes key, Row row)>& visit, bool& wants_more,
               size_t& left) {
    const size_t count = entries_.size();
    std::vector<rocksdb::Slice> keys(row_keys_.begin(), row_keys_.end());
    std::vector<rocksdb::PinnableSlice> values(count);
    std::vector<rocksdb::Status> statuses(count);
    rocksdb::DB& db = reader_.database_->db();
    db.MultiGet(options_, db.DefaultColumnFamily(), count, keys.data(), values.data(),
                statuses.data(), false);
    for (size_t i = 0; i < count && wants_more; ++i) {
      if (statuses[i].IsNotFound()) continue;  // an index whose function is not pure
      if (!statuses[i].ok()) return reader_.database_->failure("reading", statuses[i]);
      Row row = split_row(values[i]);
      if (row.value.is_null()) {
        return reader_.database_->failure("reading", rocksdb::Status::Corruption(kShortRow));
      }
      row.value = aligned_.copy(row.value);
      wants_more = visit(entries_[i], row);
      --left;
    }
    entries_.clear();
    row_keys_.clear();
    return {};
  }

 private:
  const RocksDbIndexReader& reader_;
  rocksdb::ReadOptions options_;
  std::vector<std::string> entries_;
  std::vector<std::string> row_keys_;
  AlignedBytes aligned_;
};

Result<StoreReader::OwnedRow> RocksDbIndexReader::get(Bytes key) const {
  std::optional<OwnedRow> found;
  const std::string end = key.to_string() + '\0';
  MILLRACE_RETURN_IF_ERROR(
      scan({.from = key, .to = Bytes(end), .rows_max = 1}, [&](Bytes, Row row) {
        found = OwnedRow{row.value.to_string(), row.timestamp_ms};
        return false;
      }));
  if (!found) return Error{ErrorCode::kNotFound, "no such row"};
  return *std::move(found);
}

Status RocksDbIndexReader::scan(const RowRange& range,
                                const std::function<bool(Bytes key, Row row)>& visit) const {
  MILLRACE_RETURN_IF_ERROR(progress_->check(place_.name));
  rocksdb::ManagedSnapshot snapshot(&database_->db());
  Status status;
  RocksDbIterator entries(database_, place_.entries, range, status, snapshot.snapshot());
  Lookup lookup(*this, snapshot.snapshot());
  bool wants_more = true;
  size_t left = range.rows_max;
  while (wants_more && left > 0 && entries.valid()) {
    const size_t wanted = std::min(left, Lookup::kEntriesMax);
    for (; entries.valid() && lookup.size() < wanted; entries.next()) lookup.add(entries.key());
    MILLRACE_RETURN_IF_ERROR(lookup.visit(visit, wants_more, left));
  }
  return status;
}

}  // namespace millrace
