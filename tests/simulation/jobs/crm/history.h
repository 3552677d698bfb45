#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/simulation/jobs/job.h"
#include "tests/unit/crm/territory/rule_steps.h"
#include "whole_flow_world.h"

namespace millrace::simulation::crm_job {

/// A seed's random events, handed out bit by bit, and those of them that came into their topics.
class History {
 public:
  explicit History(uint64_t seed);

  const crm::WholeFlowWorld& world() const { return world_; }
  /// Inputs of random keys: events of the world, later repetitions of them; rules and choices.
  std::vector<Input> next(Draws& draws, int64_t now_ms);
  /// A record came into its topic. Returns the event that it tells for the first time, or null.
  using Event = std::variant<crm::RawChange, crm::OwnedMergeFact>;
  const Event* accept(const std::string& topic, const testing::StoredRecord& record);

  const crm::Events& accepted() const { return accepted_; }
  crm::territory::RuleOracle& rules() { return rules_; }

 private:
  using Key = std::pair<std::string, std::string>;  ///< topic and bytes

  void take_step(const crm::territory::RuleStep& step, int64_t now_ms, std::vector<Input>& inputs);

  crm::WholeFlowWorld world_;
  Draws random_;
  crm::territory::RuleSteps steps_;
  std::deque<crm::territory::RuleStep> first_steps_;
  std::vector<Key> inputs_;
  size_t next_ = 0;
  std::map<Key, Event> events_;
  std::set<Key> seen_;
  /// By topic, key and bytes; a removal's are empty.
  std::map<std::pair<std::string, Key>, decltype(crm::territory::RuleStep::meaning)> meanings_;
  crm::Events accepted_;
  crm::territory::RuleOracle rules_;
};

}  // namespace millrace::simulation::crm_job
