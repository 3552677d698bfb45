#pragma once

#include <memory>
#include <string>

#include <rocksdb/db.h>

#include "millrace/core/store.h"

#include "state/indexes/index_progress.h"
#include "state/rocksdb/rocksdb_database.h"
#include "state/rocksdb/rocksdb_keys.h"
#include "state/rows/aligned_bytes.h"

namespace millrace {

/// Walks a store's committed rows as they were when the iterator was created, in the order of the
/// range.
class RocksDbIterator final : public StoreIterator {
 public:
  /// Rows with from <= key < to; a null bound is open. A failure ends the walk and goes into
  /// `status`, which must outlive this.
  RocksDbIterator(std::shared_ptr<Database> database, StoreNumber number, const RowRange& range,
                  Status& status, const rocksdb::Snapshot* snapshot = nullptr);

  bool valid() const override { return valid_; }
  Bytes key() const override;
  Row row() const override { return row_; }
  void next() override;

 private:
  void settle();

  std::shared_ptr<Database> database_;
  std::string lower_;
  std::string upper_;
  rocksdb::Slice lower_slice_;
  rocksdb::Slice upper_slice_;
  bool is_descending_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  Status& failure_;
  bool valid_ = false;
  AlignedBytes value_;
  Row row_;
};

/// Committed rows for queries. Holds the database open.
class RocksDbReader final : public StoreReader {
 public:
  RocksDbReader(std::shared_ptr<Database> database, StoreNumber number)
      : database_(std::move(database)), number_(number) {}

  Result<OwnedRow> get(Bytes key) const override;
  Status scan(const RowRange& range,
              const std::function<bool(Bytes key, Row row)>& visit) const override;

 private:
  std::shared_ptr<Database> database_;
  StoreNumber number_;
};

/// The rows of a store by one of its indexes; their keys are those of entries. Holds the database
/// open. Errors: as `RocksDbReader`; `kNotReady` while the index is built.
class RocksDbIndexReader final : public StoreReader {
 public:
  struct Place {
    StoreNumber rows = kMetaStore;
    StoreNumber entries = kMetaStore;
    IndexType type = IndexType::kText;
    std::string name;
  };
  RocksDbIndexReader(std::shared_ptr<Database> database, Place place,
                     std::shared_ptr<const IndexProgress> progress)
      : database_(std::move(database)), place_(std::move(place)), progress_(std::move(progress)) {}

  Result<OwnedRow> get(Bytes key) const override;
  Status scan(const RowRange& range,
              const std::function<bool(Bytes key, Row row)>& visit) const override;

 private:
  class Lookup;

  std::shared_ptr<Database> database_;
  Place place_;
  std::shared_ptr<const IndexProgress> progress_;
};

}  // namespace millrace
