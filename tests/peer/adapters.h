#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "millrace/operators.h"

#include "tests/peer/functions.h"

/// The functions of `functions.h` in the forms that the language takes.
namespace millrace::peer {

using Text = std::string;

inline MaybeKey nullable(Maybe<Key> key) {
  return key ? MaybeKey(*key) : MaybeKey();
}

inline MaybeText nullable(Maybe<Text> value) {
  return value ? MaybeText(*value) : MaybeText();
}

inline auto predicate(std::string name) {
  return [name = std::move(name)](Maybe<Key> key, Maybe<Text> value) {
    return test(name, nullable(key), nullable(value));
  };
}

/// Of rows; as it takes no nulls, a stream passes them without a call.
inline auto value_predicate(std::string name) {
  return [name = std::move(name)](std::string_view value) { return test(name, {}, value); };
}

inline auto row_predicate(std::string name) {
  return
      [name = std::move(name)](Key key, std::string_view value) { return test(name, key, value); };
}

inline auto value_mapper(std::string name) {
  return [name = std::move(name)](std::string_view value) { return map_value(name, value); };
}

inline auto row_selector(std::string name) {
  return [name = std::move(name)](Key key, std::string_view value) {
    return select_key(name, key, value);
  };
}

}  // namespace millrace::peer
