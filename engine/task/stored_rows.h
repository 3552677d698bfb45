#pragma once

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "engine/core/resolved_topology.h"

namespace millrace::engine {

/// Checks that a store can hold this row of its changelog, which anybody may have written: rows of
/// timers and of cursors have forms of their own. Error: `kInvalidRecord`.
Status check_stored_row(const SubTopology& sub_topology, const ResolvedStore& store, Bytes key,
                        Bytes value);

}  // namespace millrace::engine
