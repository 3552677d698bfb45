#pragma once

#include "millrace/core/store.h"

#include "operators/windows/own_rows.h"

namespace millrace::operators {

/// The rows of held changes in the order of due times, then of keys; and the rows 'e' that follow
/// from them. The end in a row 'e' is the due time.
const EndOrder& held_by_due();
const DerivedRows& held_rows_by_due();

}  // namespace millrace::operators
