#pragma once

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "account_state_generated.h"
#include "account_world.h"
#include "child_update_generated.h"
#include "crm/mapping/mapping.h"
#include "crm/merges/merge_forest.h"
#include "raw_change.h"

namespace millrace::crm {

/// Accounts, contacts and assets of source `sf`, as Salesforce's CometD dialect has them; accounts
/// with their masters.
Mapping child_mapping();

/// Where a child is, what is known of it, and what its root has got of that.
struct ExpectedChild {
  std::string account;
  std::vector<std::tuple<std::string, std::optional<std::string>, int64_t>> fields;
  std::optional<std::string> product;  ///< of an asset; empty: none

  friend bool operator==(const ExpectedChild&, const ExpectedChild&) = default;
};

/// The expected children under a root.
struct ExpectedAccount {
  AccountStatus status = AccountStatus::Pending;
  std::map<std::pair<ChildKind, std::string>, ExpectedChild> children;

  friend bool operator==(const ExpectedAccount&, const ExpectedAccount&) = default;
};

/// A random history of accounts, their merges by facts and by signals, and their children, and what
/// it must come to, by brute force.
class ChildWorld {
 public:
  explicit ChildWorld(uint32_t seed);

  size_t up_to(size_t last) { return std::uniform_int_distribution<size_t>(0, last)(random_); }

  /// Topic and bytes of every input, in random order, some of it twice.
  std::vector<std::pair<std::string_view, std::string>> records();

  const std::vector<RawChange>& changes() const { return changes_; }

  /// By root, of all roots with members or children.
  std::map<std::string, ExpectedAccount> expected(UnmergedChildren children) const;

  /// Of every id that a merge fact or a signal of one names, its root.
  std::map<std::string, std::string> roots() const;

 private:
  int64_t any_version() { return static_cast<int64_t>(up_to(versions_)) + 1; }
  std::string any_transaction() { return "t" + std::to_string(up_to(2)); }
  char any_letter(size_t last) { return static_cast<char>('a' + up_to(last)); }
  RawChange make_account_change();
  RawChange make_child_change();
  void make_merge_transaction();
  std::string make_fact();

  std::mt19937 random_;
  size_t versions_ = 1;
  std::vector<RawChange> changes_;
  std::vector<std::string> facts_;
};

/// Gives all rows of a store.
using StoreReader = std::function<std::map<std::string, std::string>(std::string_view store)>;

/// The same from the rows of stores; checks on the way that each child is there once, that counts
/// are what the entries say, and that accounts and roots have the same children.
std::map<std::string, ExpectedAccount> accounts_with_children(const StoreReader& rows_of);

}  // namespace millrace::crm
