#pragma once

#include "millrace/core/topology.h"

#include "operators/windows/own_rows.h"

namespace millrace::operators {

/// The rows of a join of streams in the order in which their windows end, then of times, sides
/// (right first), keys and arrival; and the rows 'e' that follow from them.
const EndOrder& joined_by_end();
const DerivedRows& join_rows_by_end();

/// Whether key and value of a row are of one side; a null value is. Error: `kInvalidRecord`.
Status check_join_row(Bytes key, Bytes value);

}  // namespace millrace::operators
