#pragma once

#include <functional>
#include <string>

#include "millrace/operators/detail/aggregates.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/detail/window_spec.h"

/// The processors behind `WindowedStream` and `SessionWindowedStream`, which say what each does
/// with nulls and late records.
namespace millrace::operators {

/// Adds an aggregate of windows with the new store `name`, whose keys are windowed. Faults of
/// `windows` are the draft's.
TableCore windowed_by(const StreamCore& stream, const std::string& name, const WindowSpec& windows,
                      ProcessorFactory aggregate, TypeInfo key, TypeInfo value,
                      StoreOptions options);
/// The records that such an aggregate with a late output leaves out. REQUIRES: it has no other
/// children yet.
StreamCore late_records(const TableCore& windows);
/// The results of such an aggregate that emits final ones.
StreamCore final_results(const TableCore& windows);

/// REQUIRES, all three: `windows` of the kind; without a fault when the factory is called.
ProcessorFactory time_window_aggregate(std::string store, WindowSpec windows,
                                       Aggregator aggregator);
ProcessorFactory sliding_window_aggregate(std::string store, WindowSpec windows,
                                          Aggregator aggregator);
/// `merge(key, a, b, out)`: the aggregate of two sessions, `a` before `b`.
ProcessorFactory session_aggregate(std::string store, WindowSpec windows, Aggregator aggregator,
                                   AggregateFunction merge);

/// Continues from the stream of late records; empty: there is no late output.
using LateOutput = std::function<void(const StreamCore& late)>;

/// Adds two counts.
AggregateFunction merge_counts();

/// Whether `F` merges aggregates of two sessions.
template <class K, class A, class F>
constexpr bool is_session_merger() {
  static_assert(KeyedCall<F, K, TypeList<A, A>>::kFit != Fit::kOther,
                "the merger of sessions takes (key, aggregate, aggregate) or (aggregate, "
                "aggregate), each as ViewOf<T> (std::string_view for text, const Table& for "
                "FlatBuffers), and returns OwnedOf<A> or std::optional of it");
  return makes_a_value<A, F, K, A, A>();
}

/// REQUIRES: `is_session_merger`.
template <class K, class A, class F>
AggregateFunction make_session_merger(F f) {
  using Keyed = KeyedCall<F, K, TypeList<A, A>>;
  return [f = std::move(f)](Bytes key, Bytes first, Bytes second, std::string& out) mutable {
    return encode_to<A>(Keyed::call_with(f, key, first, second), out);
  };
}

}  // namespace millrace::operators
