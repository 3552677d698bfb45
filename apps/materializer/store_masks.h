#pragma once

#include "millrace/engine/row_masks.h"

#include "crm/mapping/mapping.h"

namespace millrace::apps {

/// The stores of the CRM job that callers without the right to raw rows may see: their keys are ids
/// of records and names of features, and they hold values of fields as objects with name and value,
/// or else only what the answer for an account shows as well. Values of fields that the mapping
/// marks personal are "***": in accounts as in that answer, in other rows if a field of any kind is
/// marked by that name.
///
/// Left out are erasures, sources of entitlements, whose contents have other names than the fields
/// that they come from, and stores and timers of the job's own work.
RowMasks store_masks(const crm::Mapping& mapping);

}  // namespace millrace::apps
