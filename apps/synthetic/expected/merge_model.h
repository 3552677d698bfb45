#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "apps/synthetic/event.h"

namespace millrace::apps::synthetic {

/// The roots of ids by a set of merge facts: computes everything from scratch, from all facts.
class MergeModel {
 public:
  void add(const MergeChange& change);
  /// Records an id that some event names without deciding anything about it.
  void name(const std::string& id) { named_.insert(id); }
  /// REQUIRES: called after the last `add`, and before any query.
  void resolve();

  /// Every id that a fact or an undelete names.
  const std::set<std::string>& named() const { return named_; }
  std::string root_of(const std::string& id) const;
  /// An ended time in which an id was merged away.
  struct MergedPeriod {
    EventVersion from{};
    EventVersion until{};  ///< exclusive
    std::string survivor;  ///< into which it was merged at the end
  };
  std::vector<MergedPeriod> merged_periods_of(const std::string& id) const;
  /// Root of a record that came under the id by a change of this version and, if the id was merged
  /// away then, stays with the survivor.
  std::string root_since(const std::string& id, const EventVersion& since) const;
  /// Empty for a root.
  std::string survivor_of(const std::string& id) const;
  /// The text of a `RedirectDecision`.
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
