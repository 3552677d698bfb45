#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "millrace/core/topology.h"

#include "state/backend/backend.h"
#include "state/derived/derived_changes.h"
#include "state/rocksdb/rocksdb_database.h"
#include "state/rocksdb/rocksdb_indexes.h"
#include "state/rocksdb/rocksdb_keys.h"
#include "state/rocksdb/rocksdb_restore_run.h"

namespace millrace {

/// Rows of a task in one RocksDB database, one column family, without a write-ahead log. Rows,
/// positions and the rest of a commit are one batch in one memtable, and memtables reach the disk
/// in order, so that after a crash the database stands at some earlier commit, whole.
class RocksDbBackend final : public Backend {
 public:
  /// Opens `<options.directory>/db`. Removes state that is damaged, too old, of another incarnation
  /// or of another format (with a log line); the stores then start empty. So does a changelogged
  /// store without a position: its rows are the remains of a restore that a crash ended.
  /// `env`: null for the machine's; tests inject faults with it.
  /// Errors: as `TaskState::open`; `kRetriable` while queries hold a database that must go.
  static Result<std::unique_ptr<RocksDbBackend>> open(const TaskStateOptions& options,
                                                      std::span<const StoreSpec> stores,
                                                      rocksdb::Env* env);
  ~RocksDbBackend() override;

  const TaskPositions& positions() const override { return positions_; }
  Result<FoundRows> read(size_t store, std::span<const Bytes> keys) override;
  std::unique_ptr<StoreIterator> range(size_t store, Bytes from, Bytes to, Status& status) override;
  Status commit(std::span<const StoreChanges> changes, const TaskPositions& positions) override;
  std::shared_ptr<const StoreReader> reader(size_t store) const override;
  std::shared_ptr<const StoreReader> index_reader(size_t store,
                                                  std::string_view name) const override;
  Result<bool> build_indexes() override;
  std::shared_ptr<const StateCheckpointer> checkpointer() const override;
  Status restore(size_t store, std::span<const ChangelogRecord> records,
                 int64_t end_offset) override;
  Status finish_restore() override;
  Status close() override;

 private:
  using Meta = std::map<std::string, std::string, std::less<>>;

  RocksDbBackend(const TaskStateOptions& options, std::span<const StoreSpec> stores);

  Status open_database(const SharedStateMemory& memory, rocksdb::Env* env);
  Status remove_database(const std::string& reason);
  /// Reads the meta rows; returns the reason not to use this state, empty when there is none.
  Result<std::string> load();
  Result<Meta> read_meta() const;
  void assign_numbers(std::span<const StoreSpec> stores);
  void assign_index_numbers(std::map<std::string, StoreNumber, std::less<>>& known,
                            StoreNumber newest);

  void look_up(StoreNumber number, std::span<const Bytes> keys);
  void let_go_of_found() override;

  Meta meta_to_write() const;
  void add_meta(rocksdb::WriteBatch& batch) const;
  Status write(rocksdb::WriteBatch& batch);
  void flush_when_due();
  void add_to_run(size_t store, std::span<const ChangelogRecord> records);
  /// Gets a new row and the value that it replaces, null if it replaces none.
  using NewRowVisitor = std::function<void(const StoredRow& row, Bytes before)>;
  /// Visits new rows in the order of their keys. `replaces_rows`: the database may have rows of
  /// these keys.
  Status visit_new_rows(size_t store, std::span<const SortedRow> rows, bool replaces_rows,
                        const NewRowVisitor& visit);
  /// Adds to the run what follows from its rows: derived rows, then the entries of indexes.
  Status complete_run();
  Status add_derived_rows_to_run(size_t store);
  Status add_index_entries_to_run(size_t store);
  /// Whether the database may have rows that those of the run replace.
  bool run_replaces_rows() const { return !ingesting_ || !run_.is_first(); }
  /// Estimates the part of a store's rows that lies before `key`.
  int percent_before(size_t store, Bytes key) const;
  Status ingest_run();
  Status write_run();
  int64_t now_ms() const;

  std::filesystem::path path_;
  std::string incarnation_;
  const bool starts_empty_;
  struct {
    int64_t wall_ms;
    int64_t steady_ns;
  } opened_;
  int64_t max_age_ms_;
  size_t run_bytes_;

  std::shared_ptr<Database> database_;
  Meta stored_meta_;                            // as opening found it
  Meta new_meta_;                               // goes with the next write
  std::map<std::string, StoreNumber> dropped_;  // the next write deletes their rows
  std::vector<std::string> names_;
  std::vector<StoreNumber> numbers_;
  std::vector<DerivedChanges> derived_;  // of each store
  RocksDbIndexes indexes_;
  TaskPositions positions_;
  int64_t flushed_at_ms_;

  bool ingesting_ = false;         // the database was empty and nothing was written since
  bool restored_ = false;          // positions moved since they were last written
  bool is_restored_once_ = false;  // from then on restored rows are readable at once (a standby's)
  RestoreRun run_;

  std::string key_memory_;  // of read, as all below
  std::vector<rocksdb::Slice> key_slices_;
  std::vector<rocksdb::PinnableSlice> values_{kReadKeysMax};
  std::vector<rocksdb::Status> statuses_{kReadKeysMax};
  std::vector<Row> found_;
};

}  // namespace millrace
