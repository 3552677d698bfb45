#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "millrace/core/assert.h"
#include "millrace/core/serde.h"

namespace millrace {

/// A view of a `T` that may be null: a null key, a tombstone, a row that is not there.
///
/// A user function that takes `Maybe<T>` is called with nulls; one that takes `ViewOf<T>` is not,
/// and each operator says what happens to the record instead.
template <class T>
class Maybe {
 public:
  Maybe() = default;
  explicit Maybe(Bytes bytes) : bytes_(bytes) {}

  explicit operator bool() const { return !bytes_.is_null(); }
  /// REQUIRES: not null.
  ViewOf<T> operator*() const {
    MILLRACE_ASSERT(!bytes_.is_null(), "a null was read");
    return view_of<T>(bytes_);
  }
  /// REQUIRES: not null.
  auto operator->() const {
    if constexpr (std::is_reference_v<ViewOf<T>>) {
      return std::addressof(**this);
    } else {
      return Arrow{**this};
    }
  }
  Bytes bytes() const { return bytes_; }

 private:
  struct Arrow {
    std::remove_reference_t<ViewOf<T>> view;
    const auto* operator->() const { return &view; }
  };
  Bytes bytes_;
};

/// The serde type that a user function's result stands for: `Table` for `Flat<Table>`,
/// `std::string` for text; an optional counts as its value. Specialise it for an `Owned` type of
/// yours that is not its own serde type, or name the type in the call: `map_values<Mine>(…)`.
template <class R>
struct SerdeTypeOf {
  using Type = R;
};
template <class Table>
struct SerdeTypeOf<Flat<Table>> {
  using Type = Table;
};
template <>
struct SerdeTypeOf<std::string_view> {
  using Type = std::string;
};
template <>
struct SerdeTypeOf<const char*> {
  using Type = std::string;
};
template <>
struct SerdeTypeOf<Bytes> {
  using Type = RawBytes;
};
template <class R>
struct SerdeTypeOf<std::optional<R>> : SerdeTypeOf<R> {};

}  // namespace millrace
