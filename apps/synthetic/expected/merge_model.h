#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "apps/synthetic/event.h"

namespace millrace::apps::synthetic {

/// What a set of merge facts makes of ids: everything from nothing, after all of them are there.
class MergeModel {
 public:
  void add(const MergeChange& change);
  /// Something is said of the id that decides nothing by itself.
  void name(const std::string& id) { named_.insert(id); }
  /// REQUIRES: is called after the last `add`, and before anything is asked.
  void resolve();

  /// Every id that a fact or an undelete names.
  const std::set<std::string>& named() const { return named_; }
  std::string root_of(const std::string& id) const;
  /// A time in which an id was merged away, which has ended.
  struct MergedPeriod {
    EventVersion from{};
    EventVersion until{};  ///< is no part of it
    std::string survivor;  ///< into which it was merged at the end
  };
  std::vector<MergedPeriod> merged_periods_of(const std::string& id) const;
  /// Of a record that came under the id by a change of this version and, if the id was merged away
  /// then, stays where that led.
  std::string root_since(const std::string& id, const EventVersion& since) const;
  /// Empty for a root.
  std::string survivor_of(const std::string& id) const;
  /// As `RedirectDecision` is written.
  std::string decision_of(const std::string& id) const;

 private:
  struct Fact {
    crm::MergeFactKind kind = crm::MergeFactKind::Merge;
    std::string survivor;
    bool is_merge() const { return kind == crm::MergeFactKind::Merge; }
  };
  using Facts = std::map<EventVersion, Fact>;
  std::map<std::string, Facts> facts_;  ///< by victim; the last decides
  std::set<std::string> named_;
  std::set<std::string> inactive_;                ///< victims whose edge would close a cycle
  std::map<std::string, std::string> survivors_;  ///< by victim, of active edges
};

}  // namespace millrace::apps::synthetic
