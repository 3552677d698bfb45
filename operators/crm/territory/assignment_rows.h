#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <flatbuffers/flatbuffers.h>

#include "millrace/core/store.h"

#include "crm/territory/rules/assignment.h"

namespace millrace::crm::territory {

/// The last emitted assignments of accounts, so that only differences are emitted: a keyed store of
/// root NUL territory → AccountTerritory.
class AssignmentRows {
 public:
  /// The new row; null for a removed one. Dies when the call returns.
  using Emit = std::function<void(Bytes key, Bytes row, Bytes old_row)>;

  explicit AssignmentRows(KeyValueStore& store) : store_(store) {}

  /// Makes the account's rows equal to `assigned`, which is sorted by territory, and emits the rows
  /// that are new, differ by more than the epoch, or are gone, in order. New rows carry `epoch`.
  void align(std::string_view root, std::span<const Assignment> assigned, uint64_t epoch,
             int64_t timestamp_ms, const Emit& emit);

  /// Reads the rows of accounts that `align` will be called for next, each at most once, together:
  /// one walk instead of one for each, as far as the accounts are close to each other in the store.
  /// `roots` are sorted. Call it with none after the last of them.
  void prepare(std::span<const std::string> roots);

 private:
  struct StoredRow {
    std::string key;
    std::string value;
  };
  std::span<const StoredRow> rows_of(std::string_view root);
  void keep(std::string_view root, const StoredRow* before, const Assignment& assignment,
            uint64_t epoch, int64_t timestamp_ms, const Emit& emit);
  Bytes write(std::string_view root, const Assignment& assignment, uint64_t epoch);

  KeyValueStore& store_;
  std::vector<StoredRow> prepared_;  ///< sorted
  std::string prepared_from_;        ///< the first and the last account whose rows they are
  std::string prepared_to_;
  std::vector<StoredRow> found_;
  flatbuffers::FlatBufferBuilder builder_;
};

/// Key of the row, and of the record on the topic.
std::string assignment_key(std::string_view root, std::string_view territory);

}  // namespace millrace::crm::territory
