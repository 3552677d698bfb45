#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/result.h"
#include "millrace/core/topic.h"

namespace millrace {
namespace operators {

/// A change that a suppressed table holds back, in the row of its key; both rows are views into the
/// bytes, which are:
///
///     0   i64  due time, big-endian
///     8        a pair, see `encode_pair`: emitted, value
struct HeldChangeBytes {
  int64_t due_ms = 0;  ///< emitted when stream time reaches or passes it
  Bytes emitted;       ///< the row that was emitted last; null: none
  Bytes value;         ///< the row now; null: deleted
};

/// Replaces `out`. REQUIRES: 0 <= due time <= `kWindowEndMaxMs`.
void encode_held_change(const HeldChangeBytes& change, std::string& out);
/// Error: `kInvalidRecord` when `bytes` have another layout or a row is not one of its type.
Status validate_held_change(Bytes bytes, Status (*row)(Bytes));
/// REQUIRES: bytes that `validate_held_change` accepts.
HeldChangeBytes decode_held_change(Bytes bytes);

/// The type of such bytes.
template <class V>
struct HeldChange {};

}  // namespace operators

template <class V>
struct Serde<operators::HeldChange<V>> {
  using View = operators::HeldChangeBytes;
  using Owned = operators::HeldChangeBytes;
  static std::string_view name() {
    static const std::string name = "held_change<" + std::string(type_info<V>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    return operators::validate_held_change(bytes, &validate_as<V>);
  }
  static View view(Bytes bytes) { return operators::decode_held_change(bytes); }
  static void encode(const Owned& change, std::string& out) {
    std::string bytes;
    operators::encode_held_change(change, bytes);
    out += bytes;
  }
  static Status write_json(Bytes bytes, std::string& out) requires HasJson<V> {
    const View change = view(bytes);
    out += R"({"due_ms":)" + std::to_string(change.due_ms);
    out += R"(,"emitted":)";
    MILLRACE_RETURN_IF_ERROR(write_row(change.emitted, out));
    out += R"(,"value":)";
    MILLRACE_RETURN_IF_ERROR(write_row(change.value, out));
    out += '}';
    return {};
  }

 private:
  static Status write_row(Bytes row, std::string& out) requires HasJson<V> {
    if (!row.is_null()) return Serde<V>::write_json(row, out);
    out += "null";
    return {};
  }
};

}  // namespace millrace
