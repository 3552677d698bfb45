#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "account_state_generated.h"
#include "child_update_generated.h"
#include "crm/merges/merge_forest.h"
#include "crm/model/account_row.h"

namespace millrace::crm {

/// An account state without its counter, as texts.
struct StateImage {
  AccountStatus status = AccountStatus::Pending;
  bool delete_pending = false;
  std::vector<std::string> members{};
  std::map<std::string, std::string> fields{};  ///< by name: value, its member, since when
  int64_t event_time_ms = 0;
  bool incomplete = false;
  std::array<uint64_t, static_cast<size_t>(ChildKind::MAX) + 1> children{};

  friend bool operator==(const StateImage&, const StateImage&) = default;
};

/// Where a child is counted, and its row.
struct PlacedChild {
  std::string account;  ///< that it names
  std::string root;     ///< under which it is
  std::string row{};

  friend bool operator==(const PlacedChild&, const PlacedChild&) = default;
};

/// All that comes of a set of events.
struct WholeFlow {
  std::map<std::string, OwnedRedirect> redirects{};  ///< of every id that a fact names
  std::map<std::string, std::string> rows{};         ///< by kind and id
  std::map<std::string, StateImage> states{};        ///< by root; without absorbed ones
  std::map<std::pair<ChildKind, std::string>, PlacedChild> children{};
  std::set<OwnedConflict> inactive_edges{};
  std::set<OwnedConflict> splits{};
};

std::string text_of(VersionView version);
std::string text_of(const RowView& row);
std::string text_of(const StateImage& state);
std::string text_of_member(const std::string& id, const std::string& via);
std::string text_of_field(const GoldenField& field);
std::string text_of_field(std::optional<std::string_view> value, std::string_view member,
                          VersionView version);

/// In what they differ, a line each; splits are not compared.
std::vector<std::string> differences(const WholeFlow& actual, const WholeFlow& expected);

}  // namespace millrace::crm
