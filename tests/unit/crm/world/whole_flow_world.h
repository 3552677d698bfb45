#pragma once

#include <array>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crm/account_topology.h"
#include "whole_flow_oracle.h"

namespace millrace::crm {

/// A random history of everything at once, in three phases: accounts of three sources, children of
/// four kinds, of which assets grant features, facts and signals of merges; and options under which
/// it is run.
///
/// Versions follow the phases only loosely: what comes later may be older.
class WholeFlowWorld {
 public:
  static constexpr size_t kPhases = 3;
  using Input = std::pair<std::string_view, std::string>;  ///< topic and bytes
  /// Before all times of features.
  static constexpr int64_t kStartMs = 1'700'000'000'000;

  explicit WholeFlowWorld(uint32_t seed);

  static Input input_of(const RawChange& one);
  static Input input_of(const OwnedMergeFact& fact);

  size_t up_to(size_t last) { return std::uniform_int_distribution<size_t>(0, last)(random_); }

  const Rules& rules() const { return rules_; }
  const AccountOptions& options() const { return options_; }
  Mapping mapping() const;
  bool waits_after_deletes() const { return options_.delete_grace_ms > 0; }

  /// Of this phase and those before.
  Events events_until(size_t phase) const;
  /// Those of the phase, with some of it and of earlier ones twice, in random order.
  std::vector<Input> inputs(size_t phase);

 private:
  bool one_in(size_t number) { return up_to(number - 1) == 0; }
  int64_t any_version() { return static_cast<int64_t>(up_to(versions_)) + 1; }
  std::string any_transaction() { return "t" + std::to_string(up_to(2)); }
  std::string any_sf_account() { return sf_id("001", static_cast<char>('a' + up_to(4))); }
  std::string any_account();
  std::optional<std::string> any_value();
  FieldPolicy any_policy();
  void make_rules();
  void add(RawChange change) { phases_[up_to(kPhases - 1)].changes.push_back(std::move(change)); }
  void make_account_change();
  void make_child_change();
  void make_grant(RawChange& change);
  void make_fact();
  void make_merge_transaction();
  void make_unmerge();
  void make_settler();

  std::mt19937 random_;
  size_t versions_ = 1;
  Rules rules_;
  AccountOptions options_;
  std::array<Events, kPhases> phases_;
};

}  // namespace millrace::crm
