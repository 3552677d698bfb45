#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/state/task_state.h"

#include "state/backend/backend.h"
#include "state/buffer/buffered_store.h"

namespace millrace {

/// The stores of a task over a disk and a memory back end.
class BufferedTaskState final : public TaskState {
 public:
  /// `disk` holds the stores on disk, in the order of the specs; null when there are none.
  BufferedTaskState(const TaskStateOptions& options, std::span<const StoreSpec> stores,
                    std::unique_ptr<Backend> disk);

  /// Whether a store of `spec` belongs to the disk back end.
  static bool on_disk(const TaskStateOptions& options, const StoreSpec& spec);

  KeyValueStore& store(std::string_view name) override { return find(name); }
  void add_outbox(std::string name) override;
  void limit_rows(std::string_view store, const RowLimits& limits) override;
  std::shared_ptr<const StoreReader> reader(std::string_view name) const override;

  void begin_unit() override;
  void end_unit() override;
  void undo_unit() override;
  const std::optional<RefusedRow>& refused_row() const override { return refused_; }

  Status status() const override;
  size_t dirty_bytes() const override { return memory_.dirty_bytes; }
  size_t cached_bytes() const override { return memory_.used_bytes; }
  void limit_cache(size_t cache_bytes) override;

  void freeze() override;
  void for_each_frozen(std::string_view store,
                       const std::function<void(const ChangelogRecord&)>& visit) const override;
  Status apply_frozen(const TaskPositions& positions) override;
  void discard() override;

  const TaskPositions& positions() const override { return positions_; }

  Status restore(std::string_view store, std::span<const ChangelogRecord> records,
                 int64_t end_offset) override;
  Status finish_restore() override;
  Result<bool> build_indexes() override;
  std::shared_ptr<const StateCheckpointer> checkpointer() const override;
  Status close() override;

 private:
  BufferedStore* find_or_null(std::string_view name) const;
  BufferedStore& find(std::string_view name) const;
  void add_store(std::string name, const DerivedRows* derived_rows, Backend& backend, size_t index);
  void evict(size_t slots_max);
  void load_positions();
  Status commit_to(Backend& backend, const TaskPositions& positions);
  Status keep(Status status);

  BufferMemory memory_;
  std::unique_ptr<Backend> disk_;
  std::unique_ptr<Backend> in_memory_;
  std::unique_ptr<Backend> below_outboxes_;  // never has a row
  std::vector<std::unique_ptr<BufferedStore>> stores_;
  TaskPositions positions_;
  std::optional<RefusedRow> refused_;  // of the latest unit
  Status failure_;                     // of commits and restores
  bool unit_open_ = false;
  bool frozen_ = false;
};

}  // namespace millrace
