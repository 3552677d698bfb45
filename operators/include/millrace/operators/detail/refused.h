#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "millrace/operators/options.h"
#include "millrace/operators/windows.h"

namespace millrace::operators {

/// The result of a call that did not compile: it takes every further call and passes for anything,
/// so that one mistake gives one error.
///
/// `A` and `B` stand for types that a call may name. Options have overloads of their own, because
/// braces have no type.
struct Refused {
  template <class T>
  operator T() const {  // NOLINT(google-explicit-constructor): it passes for anything
    std::abort();
  }

  struct Branches {
    Refused operator[](std::string_view) const { return {}; }
  };
  struct Split {
    template <class... Args>
    Split branch(Args&&...) const {
      return {};
    }
    Branches default_branch(std::string) const { return {}; }
    Branches no_default_branch() const { return {}; }
  };

  template <class... Args>
  Refused filter(Args&&...) const {
    return {};
  }
  template <class... Args>
  Refused filter_not(Args&&...) const {
    return {};
  }
  template <class A = void, class... Args>
  Refused map_values(Args&&...) const {
    return {};
  }
  template <class A = void, class B = void, class... Args>
  Refused map(Args&&...) const {
    return {};
  }
  template <class A = void, class... Args>
  Refused key_by(Args&&...) const {
    return {};
  }
  template <class A = void, class B = void, class... Args>
  Refused flat_map(Args&&...) const {
    return {};
  }
  template <class A = void, class... Args>
  Refused flat_map_values(Args&&...) const {
    return {};
  }
  template <class... Args>
  Refused peek(Args&&...) const {
    return {};
  }
  template <class... Args>
  void foreach (Args&&...) const {}
  template <class... Args>
  Refused merge(Args&&...) const {
    return {};
  }
  template <class... Fs>
  std::array<Refused, sizeof...(Fs) + 1> branch(Fs&&...) const {
    return {};
  }

  Split split(std::string = {}) const { return {}; }

  template <class A = void, class... Args>
  Refused join(Args&&...) const {
    return {};
  }
  template <class A = void, class... Args>
  Refused left_join(Args&&...) const {
    return {};
  }
  template <class A = void, class... Args>
  Refused outer_join(Args&&...) const {
    return {};
  }
  template <class A = void, class Table, class F>
  Refused join(const Table&, F, JoinOptions) const {
    return {};
  }
  template <class A = void, class Table, class F>
  Refused left_join(const Table&, F, JoinOptions) const {
    return {};
  }
  template <class A = void, class Table, class F>
  Refused outer_join(const Table&, F, JoinOptions) const {
    return {};
  }

  template <class A = void, class Table, class S, class F>
  Refused join(const Table&, S, F, JoinOptions) const {
    return {};
  }
  template <class A = void, class Table, class S, class F>
  Refused left_join(const Table&, S, F, JoinOptions) const {
    return {};
  }
  template <class A = void, class Table, class S, class F>
  Refused outer_join(const Table&, S, F, JoinOptions) const {
    return {};
  }

  Refused group_by_key() const { return {}; }
  template <class A = void, class F>
  Refused group_by(F, ExchangeOptions = {}) const {
    return {};
  }
  template <class A = void, class... Args>
  Refused aggregate(Args&&...) const {
    return {};
  }
  template <class A = void, class F>
  Refused aggregate(std::string, F, StoreOptions) const {
    return {};
  }
  template <class A = void, class Init, class F>
  Refused aggregate(std::string, Init, F, StoreOptions) const {
    return {};
  }
  template <class... Args>
  Refused reduce(Args&&...) const {
    return {};
  }
  template <class... Args>
  Refused count(Args&&...) const {
    return {};
  }
  template <class A = void, class... Args>
  Refused cogroup(Args&&...) const {
    return {};
  }

  template <class Windows>
  Refused windowed_by(const Windows&) const {
    return {};
  }
  template <class F>
  Refused late_output(F) const {
    return {};
  }
  Refused emit_final() const { return {}; }

  Refused exchange(ExchangeOptions = {}) const { return {}; }
  Refused exchange(std::string) const { return {}; }
  template <class A = void, class B = void, class... Args>
  Refused process(Args&&...) const {
    return {};
  }
  template <class A = void, class B = void, class F>
  Refused process(std::string, F, ProcessOptions) const {
    return {};
  }
  template <class A = void, class... Args>
  Refused process_values(Args&&...) const {
    return {};
  }
  template <class A = void, class F>
  Refused process_values(std::string, F, ProcessOptions) const {
    return {};
  }
  template <class Output>
  Refused output() const {
    return {};
  }
  template <class I>
  Refused as() const {
    return {};
  }
  template <class F>
  Refused index(std::string, F, IndexOptions = {}) const {
    return {};
  }
  Refused materialize(std::string, StoreOptions = {}) const { return {}; }
  template <class Until>
  Refused suppress(std::string, const Until&, StoreOptions = {}) const {
    return {};
  }
  Refused to_stream(std::string = {}) const { return {}; }
  Refused to_table(std::string, StoreOptions = {}) const { return {}; }
  Refused to_versioned_table(std::string, std::chrono::milliseconds, StoreOptions = {}) const {
    return {};
  }
  template <class Topic>
  void to(Topic, SinkOptions = {}) const {}
  template <class Topic, class F>
  void to(std::initializer_list<Topic>, F, SinkOptions = {}) const {}
  std::vector<std::string> stores() const { return {}; }
};

/// Whether a call begins with a name.
template <class... Args>
constexpr bool kIsNamed = false;
template <class First, class... Rest>
constexpr bool kIsNamed<First, Rest...> =
    std::convertible_to<First, std::string> && !std::is_null_pointer_v<std::remove_cvref_t<First>>;

template <class... Args>
concept Nameless = !kIsNamed<Args...>;

template <class...>
constexpr bool kHasTable = false;

/// Refuses a join of a table with a stream; `Args`, the types of the call, make each call an error
/// of its own.
template <class... Args>
Refused refuse_stream_as_other_side() {
  static_assert(
      kHasTable<Args...>,
      "the other side of a join is a table, not a stream: keep its records with to_table, "
      "or give both streams to one MultiInputProcessor");
  return {};
}

/// Whether what follows the other stream is (function, windows) or the same with options, or
/// without a function.
template <class... Args>
constexpr bool kIsStreamJoin = false;
template <class F>
constexpr bool kIsStreamJoin<F, JoinWindows> = true;
template <class F>
constexpr bool kIsStreamJoin<F, JoinWindows, JoinOptions> = true;
template <class... Args>
constexpr bool kIsPairJoin = false;
template <>
inline constexpr bool kIsPairJoin<JoinWindows> = true;
template <>
inline constexpr bool kIsPairJoin<JoinWindows, JoinOptions> = true;

/// Refuses a join of streams that does not say when records join.
template <class... Args>
Refused refuse_without_join_windows() {
  static_assert(kHasTable<Args...>,
                "a join of two streams takes (stream, function, windows), e.g. join(payments, pay, "
                "JoinWindows::of_time_difference(10min)); to join with the latest record of each "
                "key, keep the other stream with to_table");
  return {};
}

/// Refuses an outer join of a stream with a table.
template <class... Args>
Refused refuse_outer_join_with_table() {
  static_assert(kHasTable<Args...>,
                "a stream has no outer join with a table, whose changes emit nothing here: use "
                "left_join, or an outer_join of two tables or two streams");
  return {};
}

template <class...>
constexpr bool kHasMerger = false;

/// Refuses an aggregate of sessions without a function that merges them.
template <class... Args>
Refused refuse_without_merger() {
  static_assert(kHasMerger<Args...>,
                "sessions that a record connects become one: give the aggregate a function that "
                "merges two aggregates, behind the one that adds a record");
  return {};
}

template <class>
constexpr bool kIsWindows = false;

template <class W>
Refused refuse_windows() {
  static_assert(kIsWindows<W>,
                "windowed_by takes TimeWindows, SlidingWindows or SessionWindows, e.g. "
                "TimeWindows::of(5min)");
  return {};
}

/// Refuses a call whose first argument is not the name that it needs.
template <class... Args>
Refused refuse_nameless() {
  static_assert(kIsNamed<Args...>,
                "the name is missing: it comes first, and names the store, its changelog and the "
                "node, e.g. aggregate(\"order-totals\", ...)");
  return {};
}

}  // namespace millrace::operators
