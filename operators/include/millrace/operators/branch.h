#pragma once

#include <vector>

#include "millrace/core/processor.h"
#include "millrace/operators/callable.h"

namespace millrace::operators {

/// Passes a record to the child of the first predicate that is true, else to the last child, of
/// which there is one more than predicates.
///
/// A predicate that does not take the record's null (`Maybe<T>`) is not true. Out of order: as any
/// record.
ProcessorFactory branch(std::vector<Predicate> predicates);

}  // namespace millrace::operators
