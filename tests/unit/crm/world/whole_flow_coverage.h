#pragma once

#include <map>
#include <string>

#include "whole_flow_world.h"

namespace millrace::crm {

/// Counts, over many worlds, how often something mattered: that without events of a kind, or under
/// other rules, the result would be another. So no kind is there in name only.
class Coverage {
 public:
  void count(const std::string& what, bool mattered) { counts_[what] += mattered ? 1 : 0; }
  /// `expected`: of all the world's events.
  void add(const WholeFlowWorld& world, const WholeFlow& expected);

  const std::map<std::string, size_t>& counts() const { return counts_; }

 private:
  std::map<std::string, size_t> counts_;
};

}  // namespace millrace::crm
