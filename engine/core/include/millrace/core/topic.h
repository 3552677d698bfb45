#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "millrace/core/serde.h"

namespace millrace {

/// A topic whose keys are `K` and values `V`: a wrong type fails to compile.
template <class K, class V>
struct Topic {
  static_assert(sizeof(NeedsSerde<K>) > 0 && sizeof(NeedsSerde<V>) > 0);
  std::string_view name;
};

/// The type of a key or value as the byte core sees it.
struct TypeInfo {
  std::string_view name = "bytes";
  /// Empty: any bytes are valid. Readers call `check` instead.
  std::function<Status(Bytes)> validate = {};
  /// Appends validated bytes to `out` as JSON. Null: the type cannot. Readers call `json` instead.
  Status (*write_json)(Bytes bytes, std::string& out) = nullptr;
  /// The part of a key that decides where it belongs, as a view of it; null: all of it. Exchanges,
  /// sinks and stores without a choice of their own use it.
  Bytes (*partition_key)(Bytes key) = nullptr;

  /// Whether `bytes` are of the type; null is. A `validate` that throws refuses them. Error:
  /// `kInvalidRecord`.
  Status check(Bytes bytes) const;
  /// `bytes`, which anybody may have written, as JSON; null as null. Error: `kInvalidRecord` when
  /// they are not of the type, or the type cannot write them.
  Result<std::string> json(Bytes bytes) const;

  friend bool operator==(const TypeInfo& a, const TypeInfo& b) { return a.name == b.name; }
};

template <class T>
TypeInfo type_info() {
  if constexpr (NeedsSerde<T>::kIsThere) {
    TypeInfo type{Serde<T>::name(), &Serde<T>::validate};
    if constexpr (HasJson<T>) type.write_json = &Serde<T>::write_json;
    if constexpr (HasPartitionKey<T>) type.partition_key = &Serde<T>::partition_key;
    return type;
  } else {
    return {};
  }
}

}  // namespace millrace
