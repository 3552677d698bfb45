#pragma once

#include "flow_reader.h"
#include "tests/unit/crm/territory/rule_steps.h"

namespace millrace::simulation::crm_job {

/// Compares the territories on their topic with those that brute force gives to the accounts that
/// are there, at rest.
void check_territories(const Folds& folds, crm::territory::RuleOracle& rules, Problems& problems);

/// Compares the entitlements on their topic with those that brute force derives, moment by moment,
/// from the children that are there, at rest; none may have missed a change that was due.
void check_entitlements(const Folds& folds, int64_t now_ms, Problems& problems);

}  // namespace millrace::simulation::crm_job
