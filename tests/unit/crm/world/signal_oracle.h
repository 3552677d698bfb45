#pragma once

#include <vector>

#include "crm/merges/merge_fact.h"
#include "raw_change.h"

namespace millrace::crm {

/// The merges that changes of records signal, by looking at every pair and triple of them.
std::vector<OwnedMergeFact> signals_of(const std::vector<RawChange>& changes);

}  // namespace millrace::crm
