#pragma once

#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// Merges changes (value: AccountChange) into full rows in `row_store`, by key: for accounts the
/// record's id, for children `child_key`.
///
/// Forwards the new AccountRow with the old one, same key, for every change that changed the row; a
/// duplicate or outdated change changes nothing, in any order. A deleted account keeps a row,
/// marked deleted. Output has the later timestamp of row and change. A null value is dropped and
/// counted; an invalid change is an `InvalidRecord`, and so is one that would make a row of too
/// many fields. A change that `erasure_store` (key → Erasure, read only) covers by its commit time
/// is dropped and counted "erased". Counted as dropped "behind_its_log": a change that is older
/// than the row by its log and more than a minute newer by the clock (decode/order/DESIGN.md).
/// Rows of a table below its floor in `floor_store` (tables/DESIGN.md; read only; empty: there are
/// none) are deleted.
ProcessorFactory row_materializer(std::string row_store, std::string erasure_store,
                                  std::string floor_store = {});

}  // namespace millrace::crm
