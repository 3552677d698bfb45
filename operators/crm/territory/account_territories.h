#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/store.h"

#include "crm/territory/account_index.h"
#include "crm/territory/assignment_rows.h"
#include "crm/territory/indexed_account.h"
#include "crm/territory/realignment.h"

namespace millrace::crm::territory {

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
/// A unit of work that is undone does not take back what this has in memory. The stores show it:
/// see `is_ahead` and `note_choices`.
///
/// Rows "w" → version, "k" → number of changes of choices and "y" → declared types in the index
/// store; AccountIndex, Realignment and AssignmentRows define the other rows.
class AccountTerritories {
 public:
  struct Stores {
    KeyValueStore& index;
    KeyValueStore& rows;
  };

  /// All must outlive this.
  AccountTerritories(Stores stores, AccountSource& accounts, FieldTypes types);

  /// Sets the rule set as of `version`; call it on start, before anything else, and when this is
  /// ahead. If the stores are of another version, the changes in between are unknown and all
  /// accounts are matched again; so they are if they are of other declared types.
  std::vector<RuleProblem> load(uint64_t version, std::span<const RuleSetChange> definitions,
                                int64_t timestamp_ms);
  /// Applies the changes up to `version`. A version that is not newer changes nothing.
  /// REQUIRES: !is_ahead().
  std::vector<RuleProblem> change(uint64_t version, std::span<const RuleSetChange> changes,
                                  int64_t timestamp_ms);

  /// Whether the index store can have such a row; null: erased. Error: `kInvalidRecord`.
  static Status check_index_row(Bytes key, Bytes value);

  /// Reads and matches all accounts again, for a reason outside the rules.
  void doubt_all(int64_t timestamp_ms);
  /// Version of the stores.
  uint64_t version() const { return stored_count(kVersionKey); }
  /// Whether the unit of the last `change` was undone: the rules here are not those of the stores,
  /// and only `load` brings them back. Costs one read.
  bool is_ahead() const { return rules_version_ != version(); }

  /// Call it in the unit of a change of manual choices which the AccountSource shows even if that
  /// unit is undone.
  void note_choices(int64_t timestamp_ms);
  /// Matches all accounts again if such a unit was undone since `load`. Costs one read.
  void settle_choices(int64_t timestamp_ms);

  /// Whether `align` must be called after a change of this field; there is no harm in more calls.
  bool depends_on(std::string_view field) const { return realignment_.may_have(field); }

  /// Fields of the account that the last `align` matched which rules compare with numbers and whose
  /// value is none: they match no range.
  size_t incomparable() const { return incomparable_; }
  /// Call it after each change of an account or of manual choices about it, and after its end.
  /// Emits differences. REQUIRES: !is_ahead(), as for `run_slice`.
  void align(std::string_view root, int64_t timestamp_ms, const AssignmentRows::Emit& emit);

  /// Does a part of the remaining work of rule changes; returns the number of accounts it handled.
  /// Call it, as one unit of work, while `is_pending`.
  size_t run_slice(size_t accounts_max, int64_t timestamp_ms, const AssignmentRows::Emit& emit);
  bool is_pending() const { return realignment_.is_pending(); }
  uint64_t epoch() const { return realignment_.epoch(); }

  const RuleSet& rules() const { return rules_; }

 private:
  void realign(std::string_view root, int64_t timestamp_ms, const AssignmentRows::Emit& emit);
  std::vector<Assignment> assign();
  uint64_t stored_count(std::string_view key) const;
  void store_version(uint64_t version, int64_t timestamp_ms);

  static constexpr std::string_view kVersionKey = "w";
  static constexpr std::string_view kChoicesKey = "k";
  static constexpr std::string_view kTypesKey = "y";

  Stores stores_;
  AccountSource& accounts_;
  FieldTypes types_;
  RuleSet rules_;
  size_t incomparable_ = 0;
  uint64_t rules_version_ = 0;
  std::optional<uint64_t> choices_;  ///< changes of choices that the source shows; none: no `load`
  Matcher matcher_{rules_};
  AccountIndex index_;
  AssignmentRows rows_;
  Realignment realignment_;
  AccountImage image_;
};

}  // namespace millrace::crm::territory
