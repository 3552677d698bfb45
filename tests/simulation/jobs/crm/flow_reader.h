#pragma once

#include <string>
#include <vector>

#include "folds.h"
#include "merge_oracle.h"
#include "whole_flow.h"

namespace millrace::simulation::crm_job {

/// The contradictions that were found, a line each.
using Problems = std::vector<std::string>;

crm::StateImage read_state(const crm::AccountState& state);

/// The flow as its stores and the topic of conflicts have it, at rest. They contradict themselves
/// where a child is in two places, or a victim has a state.
crm::WholeFlow read_flow(const Folds& folds, Problems& problems);

/// Finds where topics and stores contradict each other. This holds whenever nothing is undecided:
/// redirects are those of the facts that the resolver knows, what was published is what the stores
/// say, and an account counts the children that it has.
void check_commits(const Folds& folds, crm::UnmergedChildren children, Problems& problems);

}  // namespace millrace::simulation::crm_job
