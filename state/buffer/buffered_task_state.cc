#include "state/buffer/buffered_task_state.h"

#include <algorithm>
#include <string>
#include <utility>

#include "millrace/core/assert.h"

#include "state/backend/memory_backend.h"
#include "state/derived/derived_changes.h"
#include "state/rows/sorted_rows.h"

namespace millrace {
namespace {

// Enough to keep pace with a unit that reads some dozens of rows; a commit catches up on the rest.
constexpr size_t kUnitEvictSlots = 64;
constexpr size_t kCommitEvictSlots = 1 << 20;

}  // namespace

bool BufferedTaskState::on_disk(const TaskStateOptions& options, const StoreSpec& spec) {
  return !options.directory.empty() && !spec.in_memory;
}

BufferedTaskState::BufferedTaskState(const TaskStateOptions& options,
                                     std::span<const StoreSpec> stores,
                                     std::unique_ptr<Backend> disk)
    : disk_(std::move(disk)) {
  memory_.limit_bytes = options.cache_bytes;
  if (options.hash_seed != 0) memory_.hash_seed = options.hash_seed;
  std::vector<StoreSpec> in_memory;
  for (const StoreSpec& spec : stores) {
    if (!on_disk(options, spec)) in_memory.push_back(spec);
  }
  StoreSpec outboxes;
  outboxes.name = "outboxes";
  in_memory_ = std::make_unique<MemoryBackend>(in_memory);
  below_outboxes_ = std::make_unique<MemoryBackend>(std::span(&outboxes, 1));
  size_t disk_stores = 0;
  size_t memory_stores = 0;
  for (const StoreSpec& spec : stores) {
    const bool is_on_disk = on_disk(options, spec);
    add_store(spec.name, derived_rows_of(spec), is_on_disk ? *disk_ : *in_memory_,
              is_on_disk ? disk_stores++ : memory_stores++);
  }
  load_positions();
}

void BufferedTaskState::add_store(std::string name, const DerivedRows* derived_rows,
                                  Backend& backend, size_t index) {
  stores_.push_back(std::make_unique<BufferedStore>(std::move(name), derived_rows, memory_, backend,
                                                    index, refused_));
}

void BufferedTaskState::add_outbox(std::string name) {
  MILLRACE_ASSERT(!unit_open_ && !frozen_, "an outbox is added between commits");
  MILLRACE_ASSERT(find_or_null(name) == nullptr, "a store has the outbox's name");
  add_store(std::move(name), nullptr, *below_outboxes_, 0);
}

void BufferedTaskState::limit_rows(std::string_view store, const RowLimits& limits) {
  find(store).set_limits(limits);
}

// The positions on disk, and the changelog ends of the stores in memory.
void BufferedTaskState::load_positions() {
  positions_ = (disk_ ? disk_ : in_memory_)->positions();
  for (const auto& [store, end] : in_memory_->positions().changelog_end) {
    positions_.changelog_end[store] = end;
  }
}

BufferedStore* BufferedTaskState::find_or_null(std::string_view name) const {
  const auto found = std::find_if(stores_.begin(), stores_.end(),
                                  [&](const auto& store) { return store->name() == name; });
  return found == stores_.end() ? nullptr : found->get();
}

BufferedStore& BufferedTaskState::find(std::string_view name) const {
  BufferedStore* const store = find_or_null(name);
  MILLRACE_ASSERT(store != nullptr, "a store that the task does not have");
  return *store;
}

std::shared_ptr<const StoreReader> BufferedTaskState::reader(std::string_view name) const {
  const BufferedStore& store = find(name.substr(0, name.find('/')));
  if (store.name() == name) return store.backend().reader(store.index());
  return store.backend().index_reader(store.index(), name);
}

void BufferedTaskState::begin_unit() {
  MILLRACE_ASSERT(!unit_open_, "units do not nest");
  unit_open_ = true;
  refused_.reset();
  for (const auto& store : stores_) store->buffer().begin_unit();
}

void BufferedTaskState::end_unit() {
  MILLRACE_ASSERT(unit_open_, "no unit is open");
  unit_open_ = false;
  for (const auto& store : stores_) store->buffer().end_unit();
  evict(kUnitEvictSlots);
}

void BufferedTaskState::undo_unit() {
  MILLRACE_ASSERT(unit_open_, "no unit is open");
  unit_open_ = false;
  for (const auto& store : stores_) store->buffer().undo_unit();
  evict(kUnitEvictSlots);
}

void BufferedTaskState::evict(size_t slots_max) {
  if (memory_.used_bytes <= memory_.limit_bytes) return;
  for (const auto& store : stores_) store->buffer().evict(slots_max);
}

void BufferedTaskState::limit_cache(size_t cache_bytes) {
  MILLRACE_ASSERT(!unit_open_, "the bound moves between units");
  memory_.limit_bytes = cache_bytes;
  evict(kCommitEvictSlots);
}

Status BufferedTaskState::status() const {
  if (!failure_.ok()) return failure_;
  for (const auto& store : stores_) {
    if (!store->status().ok()) return store->status();
  }
  return {};
}

Status BufferedTaskState::keep(Status status) {
  if (!status.ok() && failure_.ok()) failure_ = status;
  return status;
}

void BufferedTaskState::freeze() {
  MILLRACE_ASSERT(!unit_open_ && !frozen_, "freeze needs closed units and no generation 1");
  for (const auto& store : stores_) store->buffer().freeze();
  frozen_ = true;
}

void BufferedTaskState::for_each_frozen(
    std::string_view store, const std::function<void(const ChangelogRecord&)>& visit) const {
  const BufferedStore& changed = find(store);
  const std::span<const SortedRow> frozen = changed.buffer().frozen();
  for (size_t i = 0; i < frozen.size(); ++i) {
    if (i + kPrefetchDistance < frozen.size()) prefetch_row(frozen[i + kPrefetchDistance].row);
    const StoredRow& row = *frozen[i].row;
    if (changed.is_derived(row.key())) continue;
    visit(ChangelogRecord{row.key(), row.value(), row.timestamp_ms});
  }
}

Status BufferedTaskState::commit_to(Backend& backend, const TaskPositions& positions) {
  std::vector<StoreChanges> changes;
  for (const auto& store : stores_) {
    if (&store->backend() != &backend || store->buffer().frozen().empty()) continue;
    changes.push_back(StoreChanges{store->index(), store->buffer().frozen()});
  }
  return backend.commit(changes, positions);
}

// Commits the disk first: it may fail, memory cannot.
Status BufferedTaskState::apply_frozen(const TaskPositions& positions) {
  MILLRACE_ASSERT(!unit_open_ && frozen_, "apply_frozen needs closed units and a generation 1");
  MILLRACE_RETURN_IF_ERROR(status());
  if (disk_) MILLRACE_RETURN_IF_ERROR(keep(commit_to(*disk_, positions)));
  MILLRACE_RETURN_IF_ERROR(keep(commit_to(*in_memory_, positions)));
  for (const auto& store : stores_) {
    if (&store->backend() == below_outboxes_.get()) {
      store->buffer().drop_frozen();
    } else {
      store->buffer().applied();
    }
  }
  frozen_ = false;
  load_positions();
  evict(kCommitEvictSlots);
  return {};
}

void BufferedTaskState::discard() {
  if (unit_open_) undo_unit();
  for (const auto& store : stores_) {
    store->buffer().discard();
    store->clear_status();
  }
  frozen_ = false;
  failure_ = Status();
}

Status BufferedTaskState::restore(std::string_view store, std::span<const ChangelogRecord> records,
                                  int64_t end_offset) {
  MILLRACE_RETURN_IF_ERROR(keep(find(store).restore(records, end_offset)));
  positions_.changelog_end.insert_or_assign(std::string(store), end_offset);
  return {};
}

Status BufferedTaskState::finish_restore() {
  if (disk_) MILLRACE_RETURN_IF_ERROR(keep(disk_->finish_restore()));
  MILLRACE_RETURN_IF_ERROR(keep(in_memory_->finish_restore()));
  load_positions();
  return {};
}

Result<bool> BufferedTaskState::build_indexes() {
  MILLRACE_ASSERT(!unit_open_, "indexes are built between units");
  if (disk_ == nullptr) return false;
  Result<bool> built = disk_->build_indexes();
  if (!built.ok()) return keep(built.status());
  return built;
}

std::shared_ptr<const StateCheckpointer> BufferedTaskState::checkpointer() const {
  return disk_ ? disk_->checkpointer() : nullptr;
}

Status BufferedTaskState::close() {
  if (disk_) return disk_->close();
  return {};
}

}  // namespace millrace
