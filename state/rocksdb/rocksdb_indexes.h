#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/topology.h"

#include "state/indexes/index_changes.h"
#include "state/indexes/index_progress.h"
#include "state/rocksdb/rocksdb_keys.h"
#include "state/rows/aligned_bytes.h"

namespace millrace {

/// How far an index is built.
struct IndexBuilt {
  bool is_complete = true;
  uint64_t rows = 0;                   ///< so far, until it is complete
  std::optional<std::string> up_to{};  ///< key of the last of them
};
/// As `kIndexKeyPrefix` describes.
std::string encode_built(IndexType type, const IndexBuilt& built);
/// Null when the bytes are not of that form, or of an index of another type.
std::optional<IndexBuilt> decode_built(IndexType type, std::string_view bytes);

/// An index in a database: its entries lie there like the rows of a store.
struct RocksDbIndex {
  RocksDbIndex(size_t of_store, IndexSpec spec, std::string name)
      : store(of_store), changes(std::move(spec), std::move(name)) {}

  /// Whether it holds what it should of the row of `key`.
  bool covers(Bytes key) const {
    return built.is_complete || (built.up_to && key <= Bytes(*built.up_to));
  }
  /// Shows readers how far it is.
  void show(int percent);

  size_t store;  ///< index among the back end's stores
  IndexChanges changes;
  StoreNumber number = kMetaStore;
  IndexBuilt built;
  std::shared_ptr<IndexProgress> progress = std::make_shared<IndexProgress>();
};

/// The indexes of a database's stores.
class RocksDbIndexes {
 public:
  explicit RocksDbIndexes(std::span<const StoreSpec> stores);

  std::span<RocksDbIndex> all() { return indexes_; }
  bool has(size_t store) const;
  const RocksDbIndex* find(size_t store, std::string_view index_name) const;
  /// One that is being built; null: none is.
  RocksDbIndex* unfinished();

  /// Gets an entry that comes or goes.
  using Visitor = std::function<void(StoreNumber number, const std::string& entry, bool is_there)>;
  /// The changes of all indexes that cover the row. `before` need not be aligned.
  void compare(size_t store, Bytes key, Bytes before, Bytes after, const Visitor& visit);

 private:
  std::vector<RocksDbIndex> indexes_;
  AlignedBytes before_;
};

}  // namespace millrace
