#include "merge_oracle.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace millrace::crm {
namespace {

bool beats(const OwnedMergeFact& a, const OwnedMergeFact& b) {
  if (a.version != b.version) return a.version > b.version;
  if (a.authority != b.authority) return a.authority > b.authority;
  if (a.kind != b.kind) return a.kind > b.kind;
  if (a.survivor != b.survivor) return a.survivor > b.survivor;
  return a.successors > b.successors;
}

bool is_signal(const OwnedMergeFact& fact) {
  return fact.authority == MergeAuthority::Transaction ||
         fact.authority == MergeAuthority::MasterRecord;
}

/// Whether some undelete takes the signal `fact` back.
bool is_taken_back(const OwnedMergeFact& fact, std::span<const OwnedMergeFact> facts) {
  if (!is_signal(fact)) return false;
  return std::ranges::any_of(facts, [&](const OwnedMergeFact& other) {
    return other.authority == MergeAuthority::Undelete && other.victim == fact.victim &&
           other.version >= fact.version;
  });
}

/// Whether the undelete `fact` is all that is said of a victim whose signals it took back.
bool stands_alone(const OwnedMergeFact& fact, std::span<const OwnedMergeFact> facts) {
  bool took_back = false;
  for (const OwnedMergeFact& other : facts) {
    if (other.victim != fact.victim) continue;
    if (other.authority == MergeAuthority::Explicit) return false;
    if (!is_signal(other)) continue;
    if (!is_taken_back(other, facts)) return false;
    if (other.version > fact.version) return false;
    took_back = true;
  }
  return took_back;
}

using Decisions = std::map<std::string, OwnedMergeFact>;

Decisions decisions_of(std::span<const OwnedMergeFact> facts) {
  Decisions decisions;
  for (const OwnedMergeFact& fact : facts) {
    if (fact.authority == MergeAuthority::Undelete) {
      if (!stands_alone(fact, facts)) continue;
      // The first that took the last signal back.
      const auto [it, first] = decisions.emplace(fact.victim, fact);
      if (!first && fact.version < it->second.version) it->second = fact;
      continue;
    }
    if (is_taken_back(fact, facts)) continue;
    const auto [it, first] = decisions.emplace(fact.victim, fact);
    if (!first && beats(fact, it->second)) it->second = fact;
  }
  return decisions;
}

/// Stays of one victim without their roots, by deciding anew at every version.
std::vector<OwnedStay> stays_of(const std::string& victim, std::span<const OwnedMergeFact> facts) {
  std::map<OwnedVersion, std::string> survivors;  // since a version; empty: none
  for (const OwnedMergeFact& fact : facts) {
    if (fact.victim != victim) continue;
    std::vector<OwnedMergeFact> so_far;
    for (const OwnedMergeFact& other : facts) {
      if (other.victim == victim && other.version <= fact.version) so_far.push_back(other);
    }
    const Decisions decisions = decisions_of(so_far);
    const auto decided = decisions.find(victim);
    survivors[fact.version] = decided == decisions.end() ? "" : decided->second.survivor;
  }
  std::vector<OwnedStay> stays;
  std::optional<OwnedStay> open;
  for (const auto& [version, survivor] : survivors) {
    if (survivor.empty()) {
      if (open) stays.push_back({open->from, version, open->survivor, ""});
      open.reset();
    } else {
      open = OwnedStay{open ? open->from : version, {}, survivor, ""};
    }
  }
  return stays;
}

/// The cycle through `start`, or empty when following the edges from `start` does not return to it.
std::vector<std::string> cycle_through(const std::string& start, const Decisions& decisions) {
  std::vector<std::string> path;
  std::string id = start;
  for (size_t steps = 0; steps <= decisions.size(); ++steps) {
    const auto it = decisions.find(id);
    if (it == decisions.end() || it->second.kind != MergeFactKind::Merge) return {};
    path.push_back(id);
    id = it->second.survivor;
    if (id == start) return path;
  }
  return {};
}

std::set<std::string> inactive_victims(const Decisions& decisions) {
  std::set<std::string> victims;
  for (const auto& [id, fact] : decisions) {
    const std::vector<std::string> cycle = cycle_through(id, decisions);
    if (cycle.empty()) continue;
    std::string oldest = cycle.front();
    for (const std::string& other : cycle) {
      const auto& a = decisions.at(other).version;
      const auto& b = decisions.at(oldest).version;
      if (a < b || (a == b && other < oldest)) oldest = other;
    }
    victims.insert(oldest);
  }
  return victims;
}

}  // namespace

MergeOracle::MergeOracle(std::span<const OwnedMergeFact> facts, UnmergedChildren children) {
  std::set<std::string> ids;
  for (const OwnedMergeFact& fact : facts) {
    ids.insert(fact.victim);
    if (!fact.survivor.empty()) ids.insert(fact.survivor);
    ids.insert(fact.successors.begin(), fact.successors.end());
  }
  const Decisions decisions = decisions_of(facts);
  const std::set<std::string> inactive = inactive_victims(decisions);
  for (const std::string& id : ids) {
    OwnedRedirect& redirect = redirects[id];
    redirect.id = redirect.root = id;
    const auto decided = decisions.find(id);
    if (decided == decisions.end()) continue;
    const OwnedMergeFact& fact = decided->second;
    redirect.version = fact.version;
    if (fact.kind == MergeFactKind::Unmerge) redirect.decision = RedirectDecision::Unmerged;
    if (fact.kind == MergeFactKind::Split) {
      redirect.decision = RedirectDecision::Split;
      OwnedConflict split{ConflictKind::Split, {id}, fact.version};
      for (const std::string& successor : fact.successors) split.ids.push_back(successor);
      splits.insert(split);
    }
    if (fact.kind != MergeFactKind::Merge) continue;
    if (inactive.contains(id)) {
      redirect.decision = RedirectDecision::CycleInactive;
      inactive_edges.insert({ConflictKind::CycleEdgeInactive, {id, fact.survivor}, fact.version});
      continue;
    }
    redirect.decision = RedirectDecision::Merged;
    redirect.survivor = fact.survivor;
    for (std::string next = id; decisions.contains(next) && !inactive.contains(next) &&
                                decisions.at(next).kind == MergeFactKind::Merge;) {
      next = decisions.at(next).survivor;
      redirect.root = next;
    }
  }
  if (children == UnmergedChildren::kReturn) return;
  for (const std::string& id : ids) {
    OwnedRedirect& redirect = redirects.at(id);
    redirect.stays = stays_of(id, facts);
    for (OwnedStay& stay : redirect.stays) stay.root = redirects.at(stay.survivor).root;
  }
}

}  // namespace millrace::crm
