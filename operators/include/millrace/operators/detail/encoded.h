#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#include "millrace/core/serde.h"
#include "millrace/operators/detail/signature.h"

namespace millrace::operators {

enum class Encoding : unsigned char { kRight, kNothing, kNoSerde, kNarrower, kOther };

template <class T, class R>
constexpr bool kIsViewOfBytes = (std::same_as<T, RawBytes> || std::same_as<T, std::string>)&&(
    std::same_as<R, Bytes> || std::convertible_to<const R&, std::string_view>);

/// How an `R` can be written as a `T`.
template <class T, class R>
constexpr Encoding encoding_of() {
  if constexpr (IsOptional<R>::value) {
    return encoding_of<T, typename R::value_type>();
  } else if constexpr (std::is_void_v<R>) {
    return Encoding::kNothing;
  } else if constexpr (!HasSerde<T>) {
    return Encoding::kNoSerde;
  } else if constexpr (kIsViewOfBytes<T, R>) {
    return Encoding::kRight;
  } else if constexpr (!std::convertible_to<const R&, const OwnedOf<T>&>) {
    return Encoding::kOther;
  } else {
    return is_narrower<R, OwnedOf<T>>() ? Encoding::kNarrower : Encoding::kRight;
  }
}

/// Refuses, once per pair of types, an `R` that cannot be written as a `T`.
template <class T, class R>
struct Encodable {
  static constexpr Encoding kEncoding = encoding_of<T, R>();
  static_assert(kEncoding != Encoding::kNothing,
                "the function returns nothing, where a value has to come out");
  static_assert(kEncoding != Encoding::kNarrower,
                "this number may not fit into the type that is written: convert it first, e.g. to "
                "int64_t");
  static_assert(kEncoding != Encoding::kOther,
                "this value is of another type than what is written: give OwnedOf<T> of the type "
                "T, std::optional of it, or a view where T is text or raw bytes");

  static constexpr bool is_right() {
    if constexpr (kEncoding == Encoding::kNoSerde) {
      return NeedsSerde<T>::kIsThere;
    } else {
      return kEncoding == Encoding::kRight;
    }
  }
};

/// Replaces `out` by the bytes of `value`; false when it is null. Takes text and raw bytes as views
/// too, so that callers need not make a string.
template <class T, class R>
bool encode_to(const R& value, std::string& out) {
  if constexpr (!Encodable<T, R>::is_right()) {
    return false;
  } else if constexpr (IsOptional<R>::value) {
    return value.has_value() && encode_to<T>(*value, out);
  } else if constexpr (kIsViewOfBytes<T, R> && std::same_as<R, Bytes>) {
    out.assign(value.data() == nullptr ? "" : value.data(), value.size());
    return !value.is_null();
  } else if constexpr (kIsViewOfBytes<T, R>) {
    out = std::string_view(value);
    return true;
  } else {
    out.clear();
    Serde<T>::encode(value, out);
    return true;
  }
}

/// The bytes of a key of serde type `K`: the given ones, or `key` encoded into `buffer`.
template <class K, class Key>
Bytes key_bytes(const Key& key, std::string& buffer) {
  if constexpr (std::same_as<Key, Bytes>) {
    return key;
  } else {
    encode_to<K>(key, buffer);
    return Bytes(buffer);
  }
}

}  // namespace millrace::operators
