#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/store.h"
#include "millrace/state/task_state.h"

#include "state/backend/backend.h"
#include "state/buffer/commit_buffer.h"

namespace millrace {

/// A task's store: the commit buffer above its back end.
class BufferedStore final : public KeyValueStore {
 public:
  /// References must outlive this. `derived_rows`: null if it has none. `refused` is the open
  /// unit's; all stores of the task share it.
  BufferedStore(std::string name, const DerivedRows* derived_rows, BufferMemory& memory,
                Backend& backend, size_t index, std::optional<TaskState::RefusedRow>& refused);

  Row get(Bytes key) override;
  void put(Bytes key, Bytes value, int64_t timestamp_ms) override;
  void erase(Bytes key, int64_t timestamp_ms) override;
  std::unique_ptr<StoreIterator> range(Bytes from, Bytes to) override;
  std::unique_ptr<StoreIterator> prefix(Bytes prefix) override;
  void prefetch(std::span<const Bytes> keys) override;

  const std::string& name() const { return name_; }
  /// Whether the changelog leaves rows of this key out.
  bool is_derived(Bytes key) const { return derived_rows_ && derived_rows_->is_derived(key); }
  Backend& backend() const { return backend_; }
  size_t index() const { return index_; }
  void set_limits(const RowLimits& limits) { limits_ = limits; }
  CommitBuffer& buffer() { return buffer_; }
  const CommitBuffer& buffer() const { return buffer_; }

  /// First failed read since opening or `clear_status`.
  const Status& status() const { return failure_; }
  void clear_status() { failure_ = Status(); }

  /// Feeds changelog records to the back end and drops cached rows of their keys.
  Status restore(std::span<const ChangelogRecord> records, int64_t end_offset);

 private:
  /// A null value deletes.
  void write(Bytes key, Bytes value, int64_t timestamp_ms);
  /// Rows of the buffer and the back end.
  std::unique_ptr<StoreIterator> merged_range(Bytes from, Bytes to);
  /// The row of the last of `keys`, now in the buffer; null: the read failed, see `status`.
  const StoredRow* read_through(std::span<const Bytes> keys);
  /// The group with all its rows, from now on in the buffer; null: it is too large, or the read
  /// failed.
  const RowGroups::Group* hold_group(Bytes group);
  void evict_when_far_over();
  /// Whether it is known that there is no row at all, and there was none since opening.
  bool is_empty();

  enum class Emptiness : uint8_t { kUnknown, kEmpty, kNot };

  std::string name_;
  std::optional<DerivedRows> derived_rows_;
  BufferMemory& memory_;
  Backend& backend_;
  size_t index_;
  std::optional<TaskState::RefusedRow>& refused_;
  RowLimits limits_;
  CommitBuffer buffer_;
  Emptiness emptiness_ = Emptiness::kUnknown;
  Status failure_;
  std::vector<uint32_t> missing_;
  std::vector<Bytes> missing_keys_;
};

}  // namespace millrace
