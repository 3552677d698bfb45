#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
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

struct TaskStateOptions {
  /// The task's own directory; created when missing. Empty: every store is kept in memory only.
  std::filesystem::path directory;
  std::shared_ptr<SharedStateMemory> memory;  ///< required with a directory
  /// Names the changelogs this state belongs to (cluster id and topic ids or creation mark). State
  /// with another incarnation is removed and the stores start empty.
  std::string incarnation;
  /// What is there is removed first, e.g. since it is not what its changelog says.
  bool starts_empty = false;
  /// Row cache and uncommitted rows of all stores of the task together; clean rows are evicted
  /// above it, dirty ones count in `dirty_bytes`.
  size_t cache_bytes = 64 << 20;
  int64_t now_ms = 0;      ///< wall clock at opening
  int64_t max_age_ms = 0;  ///< state last committed longer ago is rebuilt; 0: no limit
  /// What a restore into an empty database gathers in memory before it writes a sorted file.
  size_t restore_run_bytes = 64 << 20;
};

/// Where a task stands; written in the same batch as the rows it belongs to.
struct TaskPositions {
  /// Per store name: offset of the changelog after the last record whose row is in the store.
  std::map<std::string, int64_t, std::less<>> changelog_end;
  /// Per input partition: next offset to read. Serves queries ("which input does this answer
  /// include"); the group's committed offsets are the truth for reading on.
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
  /// Makes `directory` a task directory (see `TaskStateOptions`) that stands at one commit, the
  /// last one or one made meanwhile, and says where that is. During a restore it stands where rows
  /// on disk do. Files are hard links where the file system is the same; takes as long as writing
  /// out what no file holds yet. REQUIRES: `directory` does not exist, its parent does.
  ///
  /// Errors: `kNotFound`: nothing was committed; `kRetriable`: the state is closed; `kStoreIo`.
  /// After an error the directory may be there, with anything in it.
  virtual Result<TaskPositions> checkpoint(const std::filesystem::path& directory) const = 0;
};

/// All stores of one task: one database, one commit buffer a store, one atomic commit.
///
/// Life of a change: `put` in a unit → `end_unit` → `freeze` (the dirty rows of generation 1, sent
/// to the changelogs) → `apply_frozen` after Kafka committed (rows and positions in one batch), or
/// `discard`. Between `freeze` and `apply_frozen` the task may go on: its new changes are
/// generation 2, reads see 2 → 1 → database. The database holds committed rows only (I1).
///
/// Not thread-safe, but for what `reader` and `checkpointer` give.
class TaskState {
 public:
  /// Errors: `kStoreIo`; `kConfig`: another holds the directory; `kRetriable`: queries still do.
  static Result<std::unique_ptr<TaskState>> open(TaskStateOptions options,
                                                 std::span<const StoreSpec> stores);
  virtual ~TaskState() = default;

  /// REQUIRES: `name` is among the specs. The reference lives as long as this.
  virtual KeyValueStore& store(std::string_view name) = 0;
  /// Committed rows; may be used and kept by other threads, also past the life of this.
  virtual std::shared_ptr<const StoreReader> reader(std::string_view name) const = 0;

  /// A unit is what one input record (or punctuation) does. `undo_unit` takes back every put and
  /// erase since `begin_unit`.
  virtual void begin_unit() = 0;
  virtual void end_unit() = 0;
  virtual void undo_unit() = 0;

  /// First failure of any store since open or `discard`; no commit may happen after one.
  virtual Status status() const = 0;
  /// Memory of uncommitted rows, both generations, for the early commit.
  virtual size_t dirty_bytes() const = 0;

  /// Turns the dirty rows into generation 1. REQUIRES: no unit open, nothing frozen.
  virtual void freeze() = 0;
  /// Visits the frozen rows of a store in key order, one per key. Views live until `apply_frozen`.
  virtual void for_each_frozen(std::string_view store,
                               const std::function<void(const ChangelogRecord&)>& visit) const = 0;
  /// Writes generation 1 and `positions` (stores not named keep theirs); an error changes nothing.
  virtual Status apply_frozen(const TaskPositions& positions) = 0;
  /// Drops generations 1 and 2 (I4); the stores show the last commit again.
  virtual void discard() = 0;

  /// As of the last `apply_frozen` or restore; empty for a store that starts from nothing.
  virtual const TaskPositions& positions() const = 0;

  /// Feeds committed changelog records in offset order; `end_offset` is the position after them.
  /// Records of a key may repeat. Rows are gathered, sorted and ingested or written in runs; before
  /// the first `finish_restore` the latest may be lost in a crash, never half-visible with a wrong
  /// offset. After it they are readable at once, as a standby's have to be.
  virtual Status restore(std::string_view store, std::span<const ChangelogRecord> records,
                         int64_t end_offset) = 0;
  /// Makes all restored rows readable. REQUIRES for a task to run.
  virtual Status finish_restore() = 0;

  /// Copies committed state while the task goes on; may be used and kept like a reader. Null when
  /// every store is in memory.
  virtual std::shared_ptr<const StateCheckpointer> checkpointer() const = 0;

  /// Flushes and closes; readers stay valid until dropped. `apply_frozen` first what must stay.
  virtual Status close() = 0;
};

/// Where in a task directory the files are that a checkpoint consists of; nothing else lies there.
std::filesystem::path state_files(const std::filesystem::path& task_directory);
/// Whether `name` is one that a file of a checkpoint can have. No such name leads out of a folder.
bool is_state_file(std::string_view name);

}  // namespace millrace
