#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "state/buffer/dirty_groups.h"
#include "state/buffer/row_groups.h"
#include "state/rows/row_hash.h"
#include "state/rows/slab.h"
#include "state/rows/sorted_rows.h"
#include "state/rows/stored_row.h"

namespace millrace {

/// Memory that the commit buffers of one task share, and how much they use.
struct BufferMemory {
  Slab slab;
  size_t limit_bytes = 0;
  size_t used_bytes = 0;   ///< rows in all states
  size_t dirty_bytes = 0;  ///< rows of generations 1 and 2
  uint64_t hash_seed = random_hash_seed();
};

/// A store's overlay, row cache and write-back buffer in one flat hash table.
///
/// A row is clean (as in the back end, or known to be absent there), dirty (generation 2) or frozen
/// (generation 1). A write never changes a row in place: it makes a new one and swaps it in, so the
/// previous row stays whole for an undo of the unit or for the commit that is under way.
/// Not thread-safe. Rows returned stay valid until the next write, `evict`, `forget` or `discard`;
/// inside a unit, rows that the unit replaces stay valid until it ends.
class CommitBuffer {
 public:
  explicit CommitBuffer(BufferMemory& memory);
  CommitBuffer(const CommitBuffer&) = delete;
  CommitBuffer& operator=(const CommitBuffer&) = delete;
  ~CommitBuffer();

  /// The latest row of `key`; null when the buffer does not know it.
  const StoredRow* find(Bytes key);
  /// Touches the rows of all `keys` together, which hides most of the memory's latency; appends the
  /// indexes of keys it does not know to `missing`.
  void find_all(std::span<const Bytes> keys, std::vector<uint32_t>& missing);
  /// A null value deletes.
  void write(Bytes key, Bytes value, int64_t timestamp_ms);
  /// Adds a row that the back end returned. A null value: it has none. A row already known stays.
  /// Returns the newest of its key.
  StoredRow* cache(Bytes key, Row row);
  /// Drops what is known of `key`: its cached row and its group. REQUIRES: the row is not dirty.
  void forget(Bytes key);
  /// Drops all. REQUIRES: no row is dirty.
  void forget_all();
  /// Drops clean rows without recent use until the memory is within its limit; looks at `slots_max`
  /// slots at most. Does nothing while a `Pin` lives.
  void evict(size_t slots_max);

  /// Groups of which all rows are here.
  RowGroups& groups() { return groups_; }
  /// The newest rows of a group in generations 1 and 2, absent ones too, in no order. Stores of
  /// which this is never asked do not pay for it.
  std::vector<StoredRow*> changed_in(Bytes group);

  /// While one lives, rows stay where they are.
  class Pin {
   public:
    explicit Pin(size_t& pins) : pins_(&pins) { ++pins; }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin() { --*pins_; }

   private:
    size_t* pins_;
  };
  Pin pin() { return Pin(pins_); }

  void begin_unit();
  void end_unit();
  void undo_unit();

  /// Makes the dirty rows generation 1. REQUIRES: no unit open, nothing frozen.
  void freeze();
  /// Generation 1 in key order.
  std::span<const SortedRow> frozen() const { return frozen_.rows(); }
  /// The back end has generation 1 now: makes its rows clean. REQUIRES: no unit open.
  void applied();
  /// Drops generation 1, which was sent and which no back end takes. REQUIRES: no unit open.
  void drop_frozen();
  /// Drops generations 1 and 2.
  void discard();

  bool knows_anything() const { return rows_ > 0 || !groups_.empty(); }
  bool has_dirty() const { return !dirty_.empty() || !frozen_.empty(); }

  struct ByKey {
    using is_transparent = void;
    const std::vector<StoredRow*>* dirty;
    bool operator()(uint32_t a, uint32_t b) const {
      return (*dirty)[a]->key().view() < (*dirty)[b]->key().view();
    }
    bool operator()(uint32_t a, Bytes b) const { return (*dirty)[a]->key().view() < b.view(); }
  };
  using DirtyIndex = std::pmr::set<uint32_t, ByKey>;
  /// Generation 2 in key order, as indexes into `dirty()`. Built by the first call and kept up to
  /// date from then on, so stores that are never scanned do not pay for it.
  const DirtyIndex& dirty_index();
  const std::vector<StoredRow*>& dirty() const { return dirty_; }

 private:
  struct Slot {
    StoredRow* row;  // null: empty
    uint32_t hash;
    bool referenced;  // used since the clock's hand came by
  };
  struct Undo {
    StoredRow* written;
    StoredRow* replaced;  // null: the buffer did not know the key
  };

  uint32_t hash_of(Bytes key) const;
  Slot* find_slot(uint32_t hash, Bytes key);
  Slot* slot_of(const StoredRow* row);
  void insert_slot(StoredRow* row);
  void remove_slot(Slot* slot);
  void grow();
  StoredRow* make_row(uint32_t hash, Bytes key, Row row, RowState state);
  void free_row(StoredRow* row);
  void add_dirty(StoredRow* row);
  void remove_newest_dirty(StoredRow* row);
  void undo(const Undo& entry);

  BufferMemory& memory_;
  uint64_t seed_;
  std::pmr::vector<Slot> slots_;
  size_t rows_ = 0;  // in slots_
  size_t hand_ = 0;
  size_t clean_rows_ = 0;
  size_t pins_ = 0;
  RowGroups groups_;
  std::vector<StoredRow*> dirty_;  // in order of first change
  SortedRows frozen_;
  bool unit_open_ = false;
  std::vector<Undo> undo_;
  std::vector<uint32_t> hashes_;  // of find_all
  std::pmr::unsynchronized_pool_resource index_memory_;
  std::optional<DirtyIndex> index_;
  std::optional<DirtyGroups> dirty_groups_;
};

}  // namespace millrace
