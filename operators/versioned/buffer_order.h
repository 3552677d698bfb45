#pragma once

#include "millrace/core/store.h"

#include "operators/windows/own_rows.h"

namespace millrace::operators {

/// The rows of a buffer in the order of ends, then of times, then of arrival; and the rows 'e' that
/// follow from them.
const EndOrder& buffered_by_end();
const DerivedRows& buffered_rows_by_end();

}  // namespace millrace::operators
