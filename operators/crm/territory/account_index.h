#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/core/store.h"

#include "crm/territory/indexed_account.h"
#include "crm/territory/rules/access.h"
#include "crm/territory/rules/rule_table.h"

namespace millrace::crm::territory {

/// Keys from <= key < to of the store of an AccountIndex.
struct IndexRange {
  std::string from;
  std::string to;

  friend auto operator<=>(const IndexRange&, const IndexRange&) = default;
};

/// Finds accounts by their values, as rules find them the other way round. Rows of a keyed store:
///   "r" root                              → the account, see `pack_account`
///   "v" field NUL kind value NUL root     → empty; kind n: number in 8 bytes, t: text, p: part
///   "m" territory NUL root                → empty; a person put the account there
/// Rows "v" and "m" follow from "r" (`derived_rows`). Values are folded and cut at 64 bytes, so a
/// range may hold more accounts than meet the condition, never fewer. Other rows of the store begin
/// with other letters.
class AccountIndex {
 public:
  explicit AccountIndex(KeyValueStore& store) : store_(store) {}

  /// Indexes an account by those of its fields that `rules` use, and removes its old entries.
  void put(std::string_view root, const AccountImage& account, const RuleTable& rules,
           uint64_t generation, int64_t timestamp_ms);
  /// Announces that `roots` will be asked for.
  void prefetch(std::span<const std::string> roots);
  /// Reads an account as it was put, with a view into `image` that dies at the next call of this;
  /// false if it is not there or of another generation.
  bool read(std::string_view root, uint64_t generation, AccountImage& image);
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
  KeyValueStore& store_;
  std::string row_;  ///< of the account read last
};

}  // namespace millrace::crm::territory
