#pragma once

#include "millrace/operators/callable.h"

namespace millrace::operators {

enum class JoinKind : unsigned char {
  kInner,  ///< both sides are there
  kLeft,   ///< the left side is there
  kOuter,  ///< a side is there
};

/// Makes a join's value of both sides' (null: no row) in `out`; false: there is no value. It is
/// called only with the nulls that the kind of join lets through.
using Joiner = std::function<bool(Bytes key, Bytes left, Bytes right, std::string& out)>;

/// The joiner of an inner join without a function: a `Joined<L, R>`.
Joiner pair_joiner();

template <class K, class L, class R, class Out, JoinKind Kind, class F>
Joiner make_joiner(F f) {
  using Keyed = KeyedCall<F, K, TypeList<L, R>>;
  static_assert(Keyed::kFits,
                "the function of a join takes (key, left, right) or (left, right), each as "
                "ViewOf<T> or Maybe<T>, and returns OwnedOf<T> or std::optional of it");
  static_assert(!Keyed::kFits || Kind == JoinKind::kInner || Keyed::takes_null_value(1),
                "the function of a left or outer join takes the right side as Maybe<T>, because "
                "there may be no row");
  static_assert(!Keyed::kFits || Kind != JoinKind::kOuter || Keyed::takes_null_value(0),
                "the function of an outer join takes the left side as Maybe<T>, because there may "
                "be no row");
  return [f = std::move(f)](Bytes key, Bytes left, Bytes right, std::string& out) mutable {
    return encode_to<Out>(Keyed::call_with(f, key, left, right), out);
  };
}

}  // namespace millrace::operators
