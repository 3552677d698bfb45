#pragma once

#include <string>

#include "millrace/operators/aggregate.h"
#include "millrace/operators/key_by.h"

namespace millrace::operators {

/// Gives the changes of a table to the groups of its rows: the value becomes a `Change` (see
/// `pair_codec.h`), the key the group's.
///
/// A row that stays in its group is one record (old, new); one that moves is two, first the old to
/// the old group, then the new to the new one. A row whose selector returns `std::nullopt` is in no
/// group. Timestamp and headers are the change's.
ProcessorFactory regroup_table(KeySelector selector);

struct TableAggregator {
  AggregateFunction add;
  AggregateFunction subtract;
  std::optional<std::string> initial;  ///< `current` of the first value; nullopt: null
};

/// Keeps an aggregate per group in `store`, from the records of `regroup_table`.
///
/// The old row is subtracted (if there is an aggregate) before the new one is added, and one change
/// is emitted for both. Timestamp: the larger of the aggregate's and the record's. Out of order and
/// between rows: the order of arrival, so `add` and `subtract` must commute. A function that
/// returns `std::nullopt` deletes the aggregate. No old or new row: nothing to do.
ProcessorFactory aggregate_table(std::string store, TableAggregator aggregator);

}  // namespace millrace::operators
