#pragma once

#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "account_generated.h"
#include "account_state_generated.h"
#include "merge_fact_generated.h"

namespace millrace::crm {

using FieldMap = std::map<std::string, std::optional<std::string>>;

/// Bytes of an AccountChange.
std::string change(ChangeType type, const std::string& id, int64_t ms, const FieldMap& fields = {});
/// Bytes of a MergeFact; `survivor` is the one successor of a split.
std::string fact(MergeFactKind kind, const std::string& victim, const std::string& survivor,
                 int64_t ms);

/// An account state without its counter.
struct State {
  AccountStatus status = AccountStatus::Pending;
  std::vector<std::pair<std::string, std::string>> members;  ///< id, via
  std::vector<std::tuple<std::string, std::optional<std::string>, std::string, int64_t>> fields;
  int64_t event_time_ms = 0;
  bool incomplete = false;

  friend bool operator==(const State&, const State&) = default;
};

/// From the bytes of an AccountState.
State state_of(const std::string& bytes);

/// A random history of a small world, and what it must come to.
class World {
 public:
  explicit World(uint32_t seed);

  size_t up_to(size_t last) { return std::uniform_int_distribution<size_t>(0, last)(random_); }

  /// Topic and bytes of every input, in random order, some of it twice.
  std::vector<std::pair<std::string_view, std::string>> records();

  /// State per root, of every component.
  std::map<std::string, State> expected() const;

 private:
  std::string any_id() { return "s:" + std::string(1, static_cast<char>('a' + up_to(6))); }
  int64_t any_version() { return static_cast<int64_t>(up_to(versions_)) + 1; }
  std::string make_change();
  std::string make_fact();

  std::mt19937 random_;
  size_t versions_ = 1;
  std::vector<std::string> changes_;
  std::vector<std::string> facts_;
};

}  // namespace millrace::crm
