#pragma once

#include <string_view>

#include "millrace/core/serde.h"

namespace millrace {

/// A topic whose keys are `K` and values `V`: a wrong type fails to compile.
template <class K, class V>
struct Topic {
  static_assert(HasSerde<K>, "the key type needs a millrace::Serde<K>; see millrace/core/serde.h");
  static_assert(HasSerde<V>,
                "the value type needs a millrace::Serde<V>; see millrace/core/serde.h");
  std::string_view name;
};

/// The type of a key or value as the byte core sees it.
struct TypeInfo {
  std::string_view name = "bytes";
  Status (*validate)(Bytes) = nullptr;  ///< null: any bytes are valid

  friend bool operator==(const TypeInfo& a, const TypeInfo& b) { return a.name == b.name; }
};

template <HasSerde T>
TypeInfo type_info() {
  return {Serde<T>::name(), &Serde<T>::validate};
}

}  // namespace millrace
