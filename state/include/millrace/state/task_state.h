#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/record.h"
#include "millrace/core/result.h"
#include "millrace/core/store.h"
#include "millrace/core/topology.h"

namespace millrace {

/// Memory that all tasks of an instance share: RocksDB's block cache and write-buffer limit.
class SharedStateMemory;
std::shared_ptr<SharedStateMemory> make_shared_state_memory(size_t block_cache_bytes,
                                                            size_t write_buffer_bytes);

/// Bounds of the changes of a store; those of the topics that they go to. At first there are none.
struct RowLimits {
  size_t bytes_max = std::numeric_limits<size_t>::max();  ///< of key and value together
  int64_t earliest_ms = std::numeric_limits<int64_t>::min();
  int64_t latest_ms = std::numeric_limits<int64_t>::max();

  bool take(size_t bytes, int64_t timestamp_ms) const {
    return bytes <= bytes_max && timestamp_ms >= earliest_ms && timestamp_ms <= latest_ms;
  }
};

struct TaskStateOptions {
  /// The task's own directory; created when missing. Empty: every store lives in memory only.
  std::filesystem::path directory;
  std::shared_ptr<SharedStateMemory> memory;  ///< required with a directory
  /// Names the changelogs this state belongs to (cluster id and topic ids or creation mark).
  /// Opening removes state with another incarnation, and the stores start empty.
  std::string incarnation;
  /// Opening removes existing state first, e.g. because it contradicts its changelog.
  bool starts_empty = false;
  /// Bound on cached and uncommitted rows of all stores of the task together. Above it the buffer
  /// evicts clean rows; dirty ones count in `dirty_bytes`.
  size_t cache_bytes = 64 << 20;
  int64_t now_ms = 0;      ///< wall clock at opening
  int64_t max_age_ms = 0;  ///< opening rebuilds state last committed longer ago; 0: no limit
  /// Bytes that a restore into an empty database gathers in memory before it writes a sorted file.
  size_t restore_run_bytes = 64 << 20;
  /// Of the tables of rows, whose order says which rows are evicted; 0: a random one, so that
  /// nobody can choose keys that collide. Runs that repeat each other fix it.
  uint64_t hash_seed = 0;
};

/// The positions of a task; written in the same batch as the rows they belong to.
struct TaskPositions {
  /// Per store name: offset of the changelog after the last record whose row is in the store.
  std::map<std::string, int64_t, std::less<>> changelog_end;
  /// Per input partition: next offset to read. Serves queries ("which input does this answer
  /// include"); a task resumes reading at the group's committed offsets instead.
  std::map<TopicPartition, int64_t> inputs;
  int64_t committed_at_ms = 0;  ///< wall clock of the commit
};

/// One record of a changelog: the latest row of a key. A null value deletes.
struct ChangelogRecord {
  Bytes key;
  Bytes value;
  int64_t timestamp_ms = 0;
};

/// Copies the committed rows of a task's stores on disk. Thread-safe. Holds the database open
/// during a call only.
class StateCheckpointer {
 public:
  virtual ~StateCheckpointer() = default;
  /// Makes `directory` a task directory (see `TaskStateOptions`) at one commit, the last one or one
  /// made meanwhile, and returns its positions. During a restore these are the positions of the
  /// rows on disk. Files are hard links within one file system; the call lasts as long as writing
  /// the rows that no file holds yet. REQUIRES: `directory` does not exist, its parent does.
  ///
  /// Errors: `kNotFound`: there is no commit yet; `kRetriable`: the state is closed; `kStoreIo`.
  /// After an error the directory may exist, with anything in it.
  virtual Result<TaskPositions> checkpoint(const std::filesystem::path& directory) const = 0;
};

/// All stores of one task: one database, one commit buffer per store, one atomic commit.
///
/// Life of a change: `put` in a unit → `end_unit` → `freeze` (the dirty rows of generation 1, sent
/// to the changelogs) → `apply_frozen` after Kafka committed (rows and positions in one batch), or
/// `discard`. Between `freeze` and `apply_frozen` the task may continue: its new changes are
/// generation 2, reads see 2 → 1 → database. The database holds committed rows only (I1).
///
/// Not thread-safe, except for the objects that `reader` and `checkpointer` return.
class TaskState {
 public:
  /// Errors: `kStoreIo`; `kConfig`: another process holds the directory; `kRetriable`: queries hold
  /// it.
  static Result<std::unique_ptr<TaskState>> open(TaskStateOptions options,
                                                 std::span<const StoreSpec> stores);
  virtual ~TaskState() = default;

  /// REQUIRES: `name` is among the specs or an outbox. The reference lives as long as this.
  virtual KeyValueStore& store(std::string_view name) = 0;
  /// Adds a store for rows that only wait to be sent: the commit that sends them drops them. It is
  /// in memory, and has no reader, position or restore. REQUIRES: no store has this name.
  virtual void add_outbox(std::string name) = 0;
  /// Bounds what is put into a store or outbox from now on.
  virtual void limit_rows(std::string_view store, const RowLimits& limits) = 0;
  /// Committed rows; other threads may use and keep the reader, also past the life of this. Also
  /// takes the name of an index, "<store>/<index>": then keys are those of entries (see `index.h`),
  /// and reads fail with `kNotReady` while it is built.
  virtual std::shared_ptr<const StoreReader> reader(std::string_view name) const = 0;

  /// A unit holds the effects of one input record (or punctuation). `undo_unit` takes back every
  /// put and erase since `begin_unit`.
  virtual void begin_unit() = 0;
  virtual void end_unit() = 0;
  virtual void undo_unit() = 0;

  /// A change that was not staged, because `limit_rows` does not allow its row.
  struct RefusedRow {
    std::string_view store;
    size_t bytes = 0;  ///< key and value
    int64_t timestamp_ms = 0;
  };
  /// The first one since `begin_unit`; a unit that has one is incomplete and must be undone.
  virtual const std::optional<RefusedRow>& refused_row() const = 0;

  /// First failure of any store since open or `discard`; no commit may happen after one.
  virtual Status status() const = 0;
  /// Memory of uncommitted rows, both generations, for the early commit.
  virtual size_t dirty_bytes() const = 0;
  /// Memory of cached and uncommitted rows: what `cache_bytes` bounds.
  virtual size_t cached_bytes() const = 0;
  /// Moves the bound `cache_bytes`; a lower one evicts at once. REQUIRES: no unit open.
  virtual void limit_cache(size_t cache_bytes) = 0;

  /// Turns the dirty rows into generation 1. REQUIRES: no unit open, nothing frozen.
  virtual void freeze() = 0;
  /// Visits the frozen rows of a store or outbox in key order, one per key, without derived ones
  /// (`DerivedRows`). Views live until `apply_frozen`.
  virtual void for_each_frozen(std::string_view store,
                               const std::function<void(const ChangelogRecord&)>& visit) const = 0;
  /// Writes generation 1 and `positions` (stores not named keep theirs); an error changes nothing.
  virtual Status apply_frozen(const TaskPositions& positions) = 0;
  /// Drops generations 1 and 2 (I4); the stores show the last commit again.
  virtual void discard() = 0;

  /// As of the last `apply_frozen` or restore; empty for a store that starts from nothing.
  virtual const TaskPositions& positions() const = 0;

  /// Feeds committed changelog records in offset order; `end_offset` is the position after them.
  /// Makes the derived rows that follow. Records of a key may repeat. The state gathers and sorts
  /// rows, and ingests or writes them in runs. Before the first `finish_restore` a crash may lose
  /// the latest rows, but never leaves them half-visible with a wrong offset. After it rows are
  /// readable at once, as a standby needs.
  virtual Status restore(std::string_view store, std::span<const ChangelogRecord> records,
                         int64_t end_offset) = 0;
  /// Makes all restored rows readable. REQUIRES for a task to run.
  virtual Status finish_restore() = 0;

  /// Builds the next part of an index that was added to a store with rows, of some hundred rows;
  /// false: there is none. Errors: `kStoreIo`. REQUIRES: no unit open.
  virtual Result<bool> build_indexes() = 0;

  /// Copies committed state while the task runs; may be used and kept like a reader. Null when
  /// every store is in memory.
  virtual std::shared_ptr<const StateCheckpointer> checkpointer() const = 0;

  /// Flushes and closes; readers stay valid until dropped. Call `apply_frozen` first for rows that
  /// must stay.
  virtual Status close() = 0;
};

/// The folder in a task directory that holds the files of a checkpoint, and nothing else.
std::filesystem::path state_files(const std::filesystem::path& task_directory);
/// Whether a file of a checkpoint can have this name. No such name leads out of its folder.
bool is_state_file(std::string_view name);

}  // namespace millrace
