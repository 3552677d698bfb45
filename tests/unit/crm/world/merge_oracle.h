#pragma once

#include <map>
#include <set>
#include <span>
#include <string>

#include "crm/merges/merge_forest.h"

namespace millrace::crm {

/// The meaning of a set of merge facts, computed from scratch by brute force.
struct MergeOracle {
  explicit MergeOracle(std::span<const OwnedMergeFact> facts,
                       UnmergedChildren children = UnmergedChildren::kReturn);

  std::map<std::string, OwnedRedirect> redirects;  ///< of every id that a fact names
  std::set<OwnedConflict> inactive_edges;          ///< as CycleEdgeInactive
  std::set<OwnedConflict> splits;                  ///< deciding ones
};

}  // namespace millrace::crm
