#pragma once

#include <vector>

#include "child_world.h"
#include "crm/merge_fact.h"

namespace millrace::crm {

/// What changes of records tell about merges, by looking at every pair and triple of them.
std::vector<OwnedMergeFact> signals_of(const std::vector<RawChange>& changes);

}  // namespace millrace::crm
