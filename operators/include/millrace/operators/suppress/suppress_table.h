#pragma once

#include <string>

#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/suppress/held_change.h"
#include "millrace/operators/suppress/suppress_spec.h"
#include "millrace/operators/windowed.h"

/// The operator behind `Table::suppress`, which says what it does.
namespace millrace::operators {

/// The suppressed table; `name` is that of its new store, whose rows are of the type `held`. Faults
/// of `spec` are the draft's.
TableCore suppress_table(const TableCore& table, const std::string& name, SuppressSpec spec,
                         TypeInfo key, TypeInfo held, StoreOptions options);

/// REQUIRES: `spec` without a fault when the factory is called.
ProcessorFactory suppress(std::string store, SuppressSpec spec);

/// The rows that were emitted last: those of `table`, but for keys with a change in `store`.
TableView suppressed_view(TableView table, std::string store);

template <class K>
constexpr bool kIsWindowed = false;
template <class K>
constexpr bool kIsWindowed<Windowed<K>> = true;

template <class K>
constexpr bool has_windows() {
  static_assert(kIsWindowed<K>,
                "no window closes here: the keys of the table are not Windowed<K>, as those of "
                "windowed aggregates are; Suppressed::until_time_limit takes any table");
  return kIsWindowed<K>;
}

}  // namespace millrace::operators
