#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "millrace/core/bytes.h"

#include "state/rows/row_hash.h"
#include "state/rows/stored_row.h"

namespace millrace {

/// The groups (`state/rows/key_group.h`) of a store of which its buffer holds every row, so that a
/// scan of one needs no back end. A group comes here by its first scan.
///
/// Beside a group's rows there may be absent ones, which hide nothing. Not thread-safe.
class RowGroups {
 public:
  /// Most rows of a group: a change of it moves up to so many pointers.
  static constexpr size_t kRowsMax = 1024;

  struct Group {
    /// The newest row of each key, in key order.
    std::vector<StoredRow*> rows;
    /// False: it has too many rows to be held, so scans need not try again.
    bool is_held = false;
    uint32_t used_in_round = 0;
  };

  /// `used_bytes` grows by what groups take beside their rows; it must outlive this.
  RowGroups(size_t& used_bytes, uint64_t hash_seed);
  ~RowGroups();
  RowGroups(const RowGroups&) = delete;
  RowGroups& operator=(const RowGroups&) = delete;

  bool empty() const { return groups_.empty(); }
  /// Null: unknown. Lives until a method that is not const runs, except for `find` itself.
  const Group* find(Bytes group);
  /// Makes `rows`, sorted and all that there are, the group's. REQUIRES: the group is unknown.
  const Group& hold(Bytes group, std::vector<StoredRow*> rows);
  /// Remembers that the group has too many rows. REQUIRES: the group is unknown.
  void pass_over(Bytes group);

  /// `row` is the newest of its key now. A group that it makes too large is forgotten.
  void set(StoredRow* row);
  /// The buffer gives up `key`, which may have a row: forgets its group.
  void drop(Bytes key);
  void clear();

  /// Whether the buffer may let go of a clean row. No while scans use its group; else forgets the
  /// group.
  bool lets_go(const StoredRow& row);
  /// Begins another round of evictions. Groups without a scan since the round before are idle.
  void begin_round() { ++round_; }
  /// Forgets idle groups in some of the table's buckets. When it comes round, a round begins: where
  /// groups have no rows, no other hand does.
  void drop_idle(size_t buckets_max);

 private:
  struct Hash {
    using is_transparent = void;
    uint64_t seed;
    size_t operator()(std::string_view name) const { return row_hash(name, seed); }
  };
  using Table = std::unordered_map<std::string, Group, Hash, std::equal_to<>>;

  const Group& add(Bytes name, Group group);
  bool is_idle(const Group& group) const { return group.used_in_round + 1 < round_; }
  static size_t bytes_of(const Table::value_type& entry);
  void erase(Table::iterator entry);

  size_t& used_bytes_;
  Table groups_;
  uint32_t round_ = 0;
  size_t hand_ = 0;  ///< bucket at which `drop_idle` continues
};

}  // namespace millrace
