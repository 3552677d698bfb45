#pragma once

#include <vector>

#include "crm/merges/merge_fact.h"
#include "crm/model/survivorship.h"
#include "raw_change.h"
#include "whole_flow.h"

namespace millrace::crm {

/// All that sources said.
struct Events {
  std::vector<RawChange> changes{};
  std::vector<OwnedMergeFact> facts{};  ///< on the topic of facts

  void add(const Events& more);
};

/// The rules that turn events into an outcome.
struct Rules {
  UnmergedChildren children = UnmergedChildren::kReturn;
  SurvivorshipPolicy survivorship{};
  bool transactions_tell_merges = true;
};

/// The facts on the topic and those that changes tell.
std::vector<OwnedMergeFact> all_facts(const Events& events, const Rules& rules);

/// The expected outcome of the set of events, when all is drained and every grace is over: by brute
/// force and from scratch.
WholeFlow expected_flow(const Events& events, const Rules& rules);

/// The state of `root` while it is not believed that it was deleted.
StateImage waiting_state(const Events& events, const Rules& rules, const std::string& root);

/// By the names of their entities.
inline constexpr std::array kChildEntities{
    std::pair("Contact", ChildKind::Contact), std::pair("Opportunity", ChildKind::Opportunity),
    std::pair("Contract", ChildKind::Contract), std::pair("Asset", ChildKind::Asset)};

}  // namespace millrace::crm
