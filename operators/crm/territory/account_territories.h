#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "millrace/core/store.h"

#include "crm/territory/account_index.h"
#include "crm/territory/assignment_rows.h"
#include "crm/territory/realignment.h"

namespace millrace::crm::territory {

/// An account as it is now.
struct AccountImage {
  std::vector<AccountField> fields{};
  PersonalChoices choices{};
};

/// Where the accounts of a task are.
class AccountSource {
 public:
  virtual ~AccountSource() = default;
  /// Fills `image`, whose views live until the next call; false when there is no such account.
  virtual bool read(std::string_view root, AccountImage& image) = 0;
};

/// Territories of the accounts of one task, kept right while accounts and rules change. Whoever
/// distributes rules calls `load` once and `change` from then on, in mode `continuous` at once, in
/// mode `on_signal` with what has piled up when told to. Single-threaded.
///
/// Row "w" → version in the index store; the rest as AccountIndex, Realignment and AssignmentRows
/// say.
class AccountTerritories {
 public:
  struct Stores {
    KeyValueStore& index;
    KeyValueStore& rows;
  };

  /// All must outlive this.
  AccountTerritories(Stores stores, AccountSource& accounts, FieldTypes types);

  /// The rule set as of `version`: on start, before anything else. When the stores are of another
  /// version, what changed in between is not known and all accounts are matched again.
  std::vector<RuleProblem> load(uint64_t version, std::span<const RuleSetChange> definitions,
                                int64_t timestamp_ms);
  /// What changed up to `version`. A version that is not newer changes nothing. When the stores
  /// went back to an earlier commit since the last call, all accounts are matched again: this
  /// object does not know any more what the rules were then.
  std::vector<RuleProblem> change(uint64_t version, std::span<const RuleSetChange> changes,
                                  int64_t timestamp_ms);

  /// All accounts are to be matched again, for a reason that is not in the rules.
  void doubt_all(int64_t timestamp_ms);
  /// Of the stores.
  uint64_t version() const { return stored_version(); }

  /// After each change of an account, of what persons say about it, or its end. Emits differences.
  void align(std::string_view root, int64_t timestamp_ms, const AssignmentRows::Emit& emit);

  /// Does a part of what changes of rules left to do; returns how many accounts it looked at. To be
  /// called, as one unit of work, while `is_pending`.
  size_t run_slice(size_t accounts_max, int64_t timestamp_ms, const AssignmentRows::Emit& emit);
  bool is_pending() const { return realignment_.is_pending(); }
  uint64_t epoch() const { return realignment_.epoch(); }

  const RuleSet& rules() const { return rules_; }

 private:
  uint64_t stored_version() const;
  void store_version(uint64_t version, int64_t timestamp_ms);

  Stores stores_;
  AccountSource& accounts_;
  RuleSet rules_;
  uint64_t rules_version_ = 0;
  Matcher matcher_{rules_};
  AccountIndex index_;
  AssignmentRows rows_;
  Realignment realignment_;
  AccountImage image_;
};

}  // namespace millrace::crm::territory
