#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/store.h"

#include "crm/territory/account_index.h"
#include "crm/territory/assignment_rows.h"
#include "crm/territory/realignment.h"

namespace millrace::crm::territory {

/// The present state of an account.
struct AccountImage {
  std::vector<AccountField> fields{};
  PersonalChoices choices{};
};

/// Reads the accounts of a task.
class AccountSource {
 public:
  virtual ~AccountSource() = default;
  /// Fills `image`, whose views live until the next call; false when there is no such account.
  virtual bool read(std::string_view root, AccountImage& image) = 0;
};

/// Territories of the accounts of one task, kept up to date while accounts and rules change. The
/// distributor of rules calls `load` once and `change` from then on: in mode `continuous` at once,
/// in mode `on_signal` with all waiting changes at the signal. Single-threaded.
///
/// Rows "w" → version and "y" → declared types in the index store; AccountIndex, Realignment and
/// AssignmentRows define the other rows.
class AccountTerritories {
 public:
  struct Stores {
    KeyValueStore& index;
    KeyValueStore& rows;
  };

  /// All must outlive this.
  AccountTerritories(Stores stores, AccountSource& accounts, FieldTypes types);

  /// Sets the rule set as of `version`; call it on start, before anything else. If the stores are
  /// of another version, the changes in between are unknown and all accounts are matched again; so
  /// they are if they are of other declared types.
  std::vector<RuleProblem> load(uint64_t version, std::span<const RuleSetChange> definitions,
                                int64_t timestamp_ms);
  /// Applies the changes up to `version`. A version that is not newer changes nothing. If the
  /// stores went back to an earlier commit since the last call, all accounts are matched again:
  /// this object does not keep the earlier rules.
  std::vector<RuleProblem> change(uint64_t version, std::span<const RuleSetChange> changes,
                                  int64_t timestamp_ms);

  /// Whether the index store can have such a row; null: erased. Error: `kInvalidRecord`.
  static Status check_index_row(Bytes key, Bytes value);

  /// Matches all accounts again, for a reason outside the rules.
  void doubt_all(int64_t timestamp_ms);
  /// Version of the stores.
  uint64_t version() const { return stored_version(); }

  /// Fields of the account that the last `align` matched which rules compare with numbers and whose
  /// value is none: they match no range.
  size_t incomparable() const { return incomparable_; }
  /// Call it after each change of an account or of manual choices about it, and after its end.
  /// Emits differences.
  void align(std::string_view root, int64_t timestamp_ms, const AssignmentRows::Emit& emit);

  /// Does a part of the remaining work of rule changes; returns the number of accounts it handled.
  /// Call it, as one unit of work, while `is_pending`.
  size_t run_slice(size_t accounts_max, int64_t timestamp_ms, const AssignmentRows::Emit& emit);
  bool is_pending() const { return realignment_.is_pending(); }
  uint64_t epoch() const { return realignment_.epoch(); }

  const RuleSet& rules() const { return rules_; }

 private:
  uint64_t stored_version() const;
  void store_version(uint64_t version, int64_t timestamp_ms);

  Stores stores_;
  AccountSource& accounts_;
  std::string types_;  ///< `FieldTypes::fingerprint`
  RuleSet rules_;
  size_t incomparable_ = 0;
  uint64_t rules_version_ = 0;
  Matcher matcher_{rules_};
  AccountIndex index_;
  AssignmentRows rows_;
  Realignment realignment_;
  AccountImage image_;
};

}  // namespace millrace::crm::territory
