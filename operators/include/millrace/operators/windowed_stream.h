#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "millrace/operators/detail/refused.h"
#include "millrace/operators/detail/windowed.h"
#include "millrace/operators/windowed.h"
#include "millrace/operators/windows.h"

namespace millrace {

template <class K, class V>
class Stream;
template <class K, class V>
class Table;

namespace operators {

/// Final results are records of a stream, since none replaces another.
template <class K, class A, bool IsFinal>
using WindowResults = std::conditional_t<IsFinal, Stream<Windowed<K>, A>, Table<Windowed<K>, A>>;

template <class K, class A, bool IsFinal>
WindowResults<K, A, IsFinal> window_results(const StreamCore& stream, const std::string& name,
                                            const WindowSpec& windows, const LateOutput& late,
                                            ProcessorFactory aggregate, StoreOptions options) {
  TableCore table = windowed_by(stream, name, windows, std::move(aggregate),
                                type_info<Windowed<K>>(), type_info<A>(), options);
  if (late) late(late_records(table));
  if constexpr (IsFinal) {
    return Stream<Windowed<K>, A>(final_results(table));
  } else {
    return Table<Windowed<K>, A>(std::move(table));
  }
}

/// Whether `F` takes the stream of late records.
template <class K, class V, class F>
constexpr bool is_late_output() {
  constexpr bool kTakesStream = std::is_invocable_v<const F&, const Stream<K, V>&>;
  static_assert(kTakesStream,
                "late_output takes a function of the stream of late records, e.g. "
                "[](const Stream<K, V>& late) { late.to(kLateClicks); }");
  return kTakesStream;
}

template <class K, class V, class F>
LateOutput make_late_output(F use) {
  return [use = std::move(use)](const StreamCore& late) { use(Stream<K, V>(late)); };
}

}  // namespace operators

/// A grouped stream in time or sliding windows: each record changes the aggregates of its key's
/// windows. Null key, null value: dropped and counted "null_key" or "null_value". A time before
/// 1970 or above `kEventTimeMaxMs`: an invalid record. Late: left out of the windows that are
/// closed, and counted "late", and with the time by which it was too late as the node's; see
/// `late_output`. Out of
/// order: aggregated like any record; a window's timestamp is the largest of its records'.
///
/// Stream time is the largest event time of a record with key and value that came to the operator
/// of this task, of any key, and was not too far ahead (`max_ahead`). It is kept with the windows
/// and continues after restarts.
///
/// The result is a `Table` with an update for every record, or after `emit_final()` a `Stream`. The
/// rows of windows go with the retention; nothing is emitted then. `name` is as in `GroupedStream`.
template <class K, class V, bool IsFinal = false>
class WindowedStream {
 public:
  WindowedStream(operators::StreamCore core, operators::WindowSpec windows,
                 operators::LateOutput late = {})
      : core_(std::move(core)), windows_(windows), late_(std::move(late)) {}

  /// Emits each window once, when it closes, in the order of ends, starts and keys, with its
  /// timestamp and no headers. A record that closes many windows emits some hundred of them; the
  /// others follow with the next records, or after a tenth of a second each. They come at the
  /// latest with the commit of the record that closes them, each in a unit of its own
  /// (`ProcessorContext::defer`). When code behind one fails and the policy forgives it, that
  /// result is lost, and its dead letter has a key of the operator's own.
  auto emit_final() const {
    operators::WindowSpec windows = windows_;
    windows.emits_final = true;
    return WindowedStream<K, V, true>(core_, windows, late_);
  }

  /// Hands the records that count as late, or as too far ahead, to a stream, besides counting them:
  ///
  ///     .late_output([](const mr::Stream<PageId, Click>& late) { late.to(kLateClicks); })
  ///
  /// Each comes once, also if some of its windows took it, as it came and with one more header:
  /// `kLateHeader` has by how much it is too late, for the earliest window that it lost, or
  /// `kAheadHeader` how far it was ahead. Records without key or value do not come. The function is
  /// called for each aggregate that follows, at once; the stream's name is "<aggregate>.late".
  template <class F>
  auto late_output(F use) const {
    if constexpr (operators::is_late_output<K, V, F>()) {
      operators::WindowSpec windows = windows_;
      windows.has_late_output = true;
      return WindowedStream(core_, windows, operators::make_late_output<K, V>(std::move(use)));
    } else {
      return operators::Refused();
    }
  }

  /// As `GroupedStream::aggregate`.
  template <class A = void, class F>
  auto aggregate(std::string name, F f, StoreOptions options = {}) const {
    using Out = operators::AggregateOf<A, F>;
    if constexpr (operators::begins_an_aggregate<K, V, Out, F>()) {
      return store<Out>(std::move(name),
                        {operators::make_aggregate_function<K, V, Out>(std::move(f)), std::nullopt},
                        options);
    } else {
      return operators::Refused();
    }
  }
  template <class A = void, class Init, class F>
  requires(!std::same_as<F, StoreOptions>) auto aggregate(std::string name, Init initial, F f,
                                                          StoreOptions options = {}) const {
    using Out = typename operators::AggregateType<A, Init>::Type;
    if constexpr (operators::is_aggregate_function<K, V, Out, F>()) {
      return store<Out>(std::move(name),
                        {operators::make_aggregate_function<K, V, Out>(std::move(f)),
                         operators::initial_bytes<Out>(initial)},
                        options);
    } else {
      return operators::Refused();
    }
  }
  template <class A = void, class... Args>
  requires operators::Nameless<Args...>
  auto aggregate(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// As `GroupedStream::reduce`.
  template <class F>
  auto reduce(std::string name, F f, StoreOptions options = {}) const {
    if constexpr (operators::is_combine_function<V, F>()) {
      return store<V>(
          std::move(name),
          {operators::reduce_function(operators::make_combine_function<V>(std::move(f))),
           std::nullopt},
          options);
    } else {
      return operators::Refused();
    }
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto reduce(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  auto count(std::string name, StoreOptions options = {}) const {
    return store<int64_t>(std::move(name), {operators::count_function(1), std::nullopt}, options);
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto count(Args&&...) const { return operators::refuse_nameless<Args...>(); }

 private:
  template <class A>
  auto store(std::string name, operators::Aggregator aggregator, StoreOptions options) const {
    const auto make = windows_.kind == operators::WindowKind::kTime
                          ? operators::time_window_aggregate
                          : operators::sliding_window_aggregate;
    return operators::window_results<K, A, IsFinal>(
        core_.at_its_key(type_info<K>(), type_info<V>(), name), name, windows_, late_,
        make(name, windows_, std::move(aggregator)), options);
  }

  operators::StreamCore core_;
  operators::WindowSpec windows_;
  operators::LateOutput late_;
};

/// A grouped stream in sessions. As `WindowedStream`, but a record may connect sessions to one:
/// each that becomes part of another is first retracted, with a null value and its end as
/// timestamp, then the new one is emitted, with its end.
template <class K, class V, bool IsFinal = false>
class SessionWindowedStream {
 public:
  SessionWindowedStream(operators::StreamCore core, operators::WindowSpec windows,
                        operators::LateOutput late = {})
      : core_(std::move(core)), windows_(windows), late_(std::move(late)) {}

  /// As `WindowedStream::emit_final`. A closed session is not merged with any other.
  auto emit_final() const {
    operators::WindowSpec windows = windows_;
    windows.emits_final = true;
    return SessionWindowedStream<K, V, true>(core_, windows, late_);
  }

  /// As `WindowedStream::late_output`.
  template <class F>
  auto late_output(F use) const {
    if constexpr (operators::is_late_output<K, V, F>()) {
      operators::WindowSpec windows = windows_;
      windows.has_late_output = true;
      return SessionWindowedStream(core_, windows,
                                   operators::make_late_output<K, V>(std::move(use)));
    } else {
      return operators::Refused();
    }
  }

  /// As `GroupedStream::aggregate`. `merge` takes (key, aggregate, aggregate) or (aggregate,
  /// aggregate), the aggregates of two sessions in the order of time, and returns that of both.
  template <class A = void, class F, class M>
  requires(!std::same_as<M, StoreOptions>) auto aggregate(std::string name, F f, M merge,
                                                          StoreOptions options = {}) const {
    using Out = operators::AggregateOf<A, F>;
    if constexpr (operators::begins_an_aggregate<K, V, Out, F>()) {
      if constexpr (operators::is_session_merger<K, Out, M>()) {
        return store<Out>(
            std::move(name),
            {operators::make_aggregate_function<K, V, Out>(std::move(f)), std::nullopt},
            operators::make_session_merger<K, Out>(std::move(merge)), options);
      } else {
        return operators::Refused();
      }
    } else {
      return operators::Refused();
    }
  }
  /// `initial` is also merged with the first session that a record finds.
  template <class A = void, class Init, class F, class M>
  requires(!std::same_as<M, StoreOptions>) auto aggregate(std::string name, Init initial, F f,
                                                          M merge,
                                                          StoreOptions options = {}) const {
    using Out = typename operators::AggregateType<A, Init>::Type;
    if constexpr (operators::is_aggregate_function<K, V, Out, F>()) {
      if constexpr (operators::is_session_merger<K, Out, M>()) {
        return store<Out>(std::move(name),
                          {operators::make_aggregate_function<K, V, Out>(std::move(f)),
                           operators::initial_bytes<Out>(initial)},
                          operators::make_session_merger<K, Out>(std::move(merge)), options);
      } else {
        return operators::Refused();
      }
    } else {
      return operators::Refused();
    }
  }
  template <class A = void, class F>
  auto aggregate(std::string, F) const {
    return operators::refuse_without_merger<F>();
  }
  template <class A = void, class... Args>
  requires operators::Nameless<Args...>
  auto aggregate(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  /// As `GroupedStream::reduce`; `f` also merges sessions.
  template <class F>
  auto reduce(std::string name, F f, StoreOptions options = {}) const {
    if constexpr (operators::is_combine_function<V, F>()) {
      const auto combine = operators::make_combine_function<V>(std::move(f));
      return store<V>(
          std::move(name), {operators::reduce_function(combine), std::nullopt},
          [combine](Bytes key, Bytes first, Bytes second, std::string& out) {
            return combine(key, second, first, out);
          },
          options);
    } else {
      return operators::Refused();
    }
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto reduce(Args&&...) const { return operators::refuse_nameless<Args...>(); }

  auto count(std::string name, StoreOptions options = {}) const {
    return store<int64_t>(std::move(name), {operators::count_function(1), std::nullopt},
                          operators::merge_counts(), options);
  }
  template <class... Args>
  requires operators::Nameless<Args...>
  auto count(Args&&...) const { return operators::refuse_nameless<Args...>(); }

 private:
  template <class A>
  auto store(std::string name, operators::Aggregator aggregator, operators::AggregateFunction merge,
             StoreOptions options) const {
    return operators::window_results<K, A, IsFinal>(
        core_.at_its_key(type_info<K>(), type_info<V>(), name), name, windows_, late_,
        operators::session_aggregate(name, windows_, std::move(aggregator), std::move(merge)),
        options);
  }

  operators::StreamCore core_;
  operators::WindowSpec windows_;
  operators::LateOutput late_;
};

}  // namespace millrace
