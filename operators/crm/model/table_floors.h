#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "millrace/core/result.h"
#include "millrace/core/store.h"

#include "crm/model/logged_row.h"
#include "table_floor_generated.h"

namespace millrace::crm {

/// The part of a row's key before the colon, which the keys of a table's records share: "erp" of
/// "erp:17", "contact/erp" of "contact/erp:17".
std::string_view home_of(std::string_view row_key);

/// A table's key in the store of floors.
std::string table_key(std::string_view home, std::string_view table);

/// Deletes `row`, a record of the floor's table, by the floor's version. Returns whether that
/// changed it. `row` borrows from `floor` afterwards.
///
/// A floor of a snapshot spares a row whose newest change `may_follow` it, and every floor a row of
/// which only gaps came. Error: `kInvalidRecord` as `merge_change`.
Result<bool> apply_floor(LoggedRow& row, const TableFloor& floor);

/// Whether `floors` has a floor of the same table, log and cause that is not lower.
bool has_floor(KeyValueStore& floors, std::string_view home, std::string_view table,
               FloorCause cause, VersionView version);

/// The floors of a task's tables, in a store that the task keeps.
class TableFloorReader {
 public:
  explicit TableFloorReader(KeyValueStore& floors) : floors_(floors) {}

  /// Applies the floors of all tables of `row`, whose key in its store is `row_key`. Dry runs
  /// change nothing. `row` borrows from this until the next call.
  Result<bool> apply(std::string_view row_key, LoggedRow& row);

 private:
  KeyValueStore& floors_;
  std::deque<std::string> buffers_;
};

}  // namespace millrace::crm
