#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/store.h"
#include "millrace/core/topology.h"

#include "state/rows/aligned_bytes.h"

namespace millrace {

/// The derived rows of a store; null: it has none. `spec` outlives the result.
const DerivedRows* derived_rows_of(const StoreSpec& spec);

/// Finds the changes of derived rows that follow from a change of another row. Not thread-safe.
class DerivedChanges {
 public:
  explicit DerivedChanges(const StoreSpec& spec);

  /// Whether the store has any.
  bool any() const { return rows_.has_value(); }
  bool is_derived(Bytes key) const { return rows_ && rows_->is_derived(key); }
  /// Gets a row that comes or changes; a null value: it goes. Valid during the call.
  using Visitor = std::function<void(Bytes key, Bytes value)>;
  /// Null bytes: there is no row. `after` is 8-byte aligned, `before` need not be. REQUIRES:
  /// `any()`, and that `key` is no derived row's.
  void compare(Bytes key, Bytes before, Bytes after, const Visitor& visit);

 private:
  using Rows = std::vector<std::pair<std::string, std::string>>;
  void derive(Bytes key, Bytes value, Rows& rows) const;

  std::optional<DerivedRows> rows_;
  AlignedBytes aligned_;
  Rows before_;
  Rows after_;
};

}  // namespace millrace
