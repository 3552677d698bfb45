#include "state/rocksdb/rocksdb_reader.h"

#include <utility>

#include "state/rocksdb/rocksdb_groups.h"

namespace millrace {
namespace {

constexpr const char* kShortRow = "a row shorter than its header";

}  // namespace

RocksDbIterator::RocksDbIterator(std::shared_ptr<Database> database, StoreNumber number,
                                 const RowRange& range, Status& status)
    : database_(std::move(database)),
      lower_(database_key(number, range.from)),
      upper_(upper_bound_key(number, range.to)),
      lower_slice_(lower_),
      upper_slice_(upper_),
      is_descending_(range.is_descending),
      failure_(status) {
  rocksdb::ReadOptions options;
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

}  // namespace millrace
