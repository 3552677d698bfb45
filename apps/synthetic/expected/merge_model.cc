#include "apps/synthetic/expected/merge_model.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace millrace::apps::synthetic {

void MergeModel::add(const MergeChange& change) {
  const std::string victim = internal_record_id(Kind::kAccount, change.victim);
  const std::string other = internal_record_id(Kind::kAccount, change.survivor);
  named_.insert(victim);
  if (change.kind != crm::MergeFactKind::Unmerge) named_.insert(other);
  facts_[victim][change.version] = {change.kind, other};
}

/// The oldest edge of each cycle is left out.
void MergeModel::resolve() {
  inactive_.clear();
  survivors_.clear();
  std::map<std::string, std::string> edges;
  for (const auto& [victim, facts] : facts_) {
    const Fact& deciding = facts.rbegin()->second;
    if (deciding.is_merge()) edges[victim] = deciding.survivor;
  }
  std::set<std::string> done;
  for (const auto& [start, first] : edges) {
    std::vector<std::string> path;
    std::string at = start;
    while (edges.contains(at) && done.insert(at).second) {
      path.push_back(at);
      at = edges.at(at);
    }
    const auto cycle = std::ranges::find(path, at);
    if (cycle == path.end()) continue;
    inactive_.insert(*std::min_element(cycle, path.end(), [this](const auto& a, const auto& b) {
      return std::tie(facts_.at(a).rbegin()->first, a) < std::tie(facts_.at(b).rbegin()->first, b);
    }));
  }
  for (auto& [victim, survivor] : edges) {
    if (!inactive_.contains(victim)) survivors_[victim] = std::move(survivor);
  }
}

std::string MergeModel::survivor_of(const std::string& id) const {
  const auto found = survivors_.find(id);
  return found == survivors_.end() ? std::string() : found->second;
}

std::string MergeModel::root_of(const std::string& id) const {
  std::string root = id;
  for (auto edge = survivors_.find(root); edge != survivors_.end(); edge = survivors_.find(root)) {
    root = edge->second;
  }
  return root;
}

std::vector<MergeModel::MergedPeriod> MergeModel::merged_periods_of(const std::string& id) const {
  std::vector<MergedPeriod> periods;
  const auto facts = facts_.find(id);
  if (facts == facts_.end()) return periods;
  std::optional<MergedPeriod> open;
  for (const auto& [version, fact] : facts->second) {
    if (fact.is_merge()) {
      if (!open) open = MergedPeriod{version, {}, {}};
      open->survivor = fact.survivor;
    } else if (open) {
      open->until = version;
      periods.push_back(*std::exchange(open, std::nullopt));
    }
  }
  return periods;
}

std::string MergeModel::root_since(const std::string& id, const EventVersion& since) const {
  for (const MergedPeriod& period : merged_periods_of(id)) {
    if (period.from <= since && since < period.until) return root_of(period.survivor);
  }
  return root_of(id);
}

std::string MergeModel::decision_of(const std::string& id) const {
  const auto facts = facts_.find(id);
  if (facts == facts_.end()) return "None";
  switch (facts->second.rbegin()->second.kind) {
    case crm::MergeFactKind::Merge:
      return inactive_.contains(id) ? "CycleInactive" : "Merged";
    case crm::MergeFactKind::Unmerge:
      return "Unmerged";
    case crm::MergeFactKind::Split:
      break;
  }
  return "Split";
}

}  // namespace millrace::apps::synthetic
