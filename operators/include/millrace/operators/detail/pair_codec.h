#pragma once

#include <string>

#include "millrace/core/result.h"
#include "millrace/core/topic.h"

namespace millrace {

/// Two byte strings, each of which may be null.
struct BytesPair {
  Bytes first;
  Bytes second;
};

/// Two byte strings in one: a table's change (old, new) on its way through an exchange topic, and
/// the value of a join without a function (left, right).
///
/// Layout, little endian; both parts start at 8-byte boundaries of the whole:
///
///     0   u8   format, 1
///     1   u8   bit 0: first is present, bit 1: second is present (absent: null)
///     2   u16  zero
///     4   u32  bytes of first
///     8        first, padded with zeros to a multiple of 8 when second is present
///              second, to the end
///
/// Appends to `out`. REQUIRES: `first` is shorter than 4 GiB.
void encode_pair(BytesPair pair, std::string& out);

/// Error: `kInvalidRecord` when `bytes` have another layout.
Status validate_pair(Bytes bytes);

/// Views into `bytes`. REQUIRES: bytes that `validate_pair` accepts.
BytesPair decode_pair(Bytes bytes);

/// A table's change as the value of an exchange topic.
template <class V>
struct Change {};

namespace operators {

/// Validates the parts that are there.
Status validate_parts(Bytes bytes, Status (*first)(Bytes), Status (*second)(Bytes));

}  // namespace operators

/// Both null would mean that nothing changed; no operator sends that.
template <class V>
struct Serde<Change<V>> {
  using View = BytesPair;
  using Owned = BytesPair;
  static std::string_view name() {
    static const std::string name = "change<" + std::string(type_info<V>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    return operators::validate_parts(bytes, &validate_as<V>, &validate_as<V>);
  }
  static View view(Bytes bytes) { return decode_pair(bytes); }
  static void encode(const Owned& value, std::string& out) { encode_pair(value, out); }
};

}  // namespace millrace
