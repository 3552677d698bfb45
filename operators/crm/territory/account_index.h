#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/core/store.h"

#include "crm/territory/rules/access.h"
#include "crm/territory/rules/matcher.h"

namespace millrace::crm::territory {

/// Keys from <= key < to of the store of an AccountIndex.
struct IndexRange {
  std::string from;
  std::string to;

  friend bool operator==(const IndexRange&, const IndexRange&) = default;
};

/// Finds accounts by their values, as rules find them the other way round. Rows of a keyed store:
///   "r" root                              → the account's entries below, to remove them later
///   "v" field NUL kind value NUL root     → empty; kind n: number in 8 bytes, t: text, p: part
///   "m" territory NUL root                → empty; a person put the account there
/// Rows "v" and "m" follow from "r" (`derived_rows`). Values are folded and cut at 64 bytes, so a
/// range may hold more accounts than meet the condition, never fewer. Other rows of the store begin
/// with other letters.
class AccountIndex {
 public:
  explicit AccountIndex(KeyValueStore& store) : store_(store) {}

  /// Indexes the fields of an account that `rules` use, and removes its old entries.
  void put(std::string_view root, std::span<const AccountField> fields,
           std::span<const std::string> manual, const RuleTable& rules, int64_t timestamp_ms);
  void erase(std::string_view root, int64_t timestamp_ms);

  /// The range of accounts that meet `key`, a condition on `field`; nullopt when the index cannot
  /// tell.
  static std::optional<IndexRange> range_of(std::string_view field, const AccessKey& key);
  static IndexRange range_of_territory(std::string_view territory);
  static IndexRange all_accounts();

  static DerivedRows derived_rows();
  /// Whether the store can have such a row "r", "v" or "m". Error: `kInvalidRecord`.
  static Status check_row(Bytes key, Bytes value);

  /// Root of a row in one of these ranges.
  static std::string_view root_of(std::string_view key);

 private:
  void replace(std::string_view root, const std::vector<std::string>& entries,
               int64_t timestamp_ms);

  KeyValueStore& store_;
};

}  // namespace millrace::crm::territory
