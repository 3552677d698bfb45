#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/result.h"
#include "millrace/core/topic.h"
#include "millrace/operators/detail/functions.h"

/// The rows of a join of two streams: its records, each while its window is open.
namespace millrace::operators {

/// The key of such a row; `key` is a view into its bytes, which are:
///
///     key, u8 side, NUL, time, end, sequence
///
/// The last three have 8 bytes each, big-endian. The side is 1 for right and 2 for left, so no row
/// of a text's has a NUL before the one behind the side: the records of a key and a side are a
/// group of rows that a store finds and holds together, in the order of times, then of arrival.
struct StreamJoinKeyBytes {
  Bytes key;
  JoinSide side = JoinSide::kLeft;
  int64_t time_ms = 0;
  int64_t end_ms = 0;  ///< of its window; not before its time
  uint64_t sequence = 0;
};

/// Replaces `out` by what begins the keys of all rows of a key and a side.
void encode_stream_join_group(Bytes key, JoinSide side, std::string& out);
/// Replaces `out`. REQUIRES: times that are not negative.
void encode_stream_join_key(const StreamJoinKeyBytes& parts, std::string& out);
bool is_stream_join_key(Bytes bytes);
/// Error: `kInvalidRecord` when `bytes` are no such key.
Status validate_stream_join_key(Bytes bytes);
/// REQUIRES: `is_stream_join_key`.
StreamJoinKeyBytes decode_stream_join_key(Bytes bytes);
/// The part `key` of any bytes; all of them where they are too short.
Bytes key_of_stream_join(Bytes bytes);
std::string_view name_of(JoinSide side);

/// The value of such a row; `value` is a view into its bytes, which are:
///
///     0   u8   format, 1
///     1   u8   bits: 1 for a right record, 2 for one that joined nothing yet
///     2        zeros
///     8        value, to the end
struct StreamJoinRowBytes {
  JoinSide side = JoinSide::kLeft;
  bool is_unjoined = false;
  Bytes value;
};

/// Replaces `out`.
void encode_stream_join_row(const StreamJoinRowBytes& parts, std::string& out);
/// Error: `kInvalidRecord` when `bytes` have another layout or the value is not one of its side.
Status validate_stream_join_row(Bytes bytes, Status (*left)(Bytes), Status (*right)(Bytes));
/// `value` is not null. REQUIRES: bytes that `validate_stream_join_row` accepts.
StreamJoinRowBytes decode_stream_join_row(Bytes bytes);

/// Types of keys and rows.
template <class K>
struct StreamJoinKey {};
template <class L, class R>
struct StreamJoinRow {};

}  // namespace millrace::operators

namespace millrace {

template <class K>
struct Serde<operators::StreamJoinKey<K>> {
  using View = operators::StreamJoinKeyBytes;
  using Owned = operators::StreamJoinKeyBytes;
  static std::string_view name() {
    static const std::string name = "stream_join_key<" + std::string(type_info<K>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    MILLRACE_RETURN_IF_ERROR(operators::validate_stream_join_key(bytes));
    return validate_as<K>(operators::key_of_stream_join(bytes));
  }
  static View view(Bytes bytes) { return operators::decode_stream_join_key(bytes); }
  static void encode(const Owned& parts, std::string& out) {
    std::string key;
    operators::encode_stream_join_key(parts, key);
    out += key;
  }
  /// Rows of other keys in such a store are the operator's own.
  static bool is_row(Bytes bytes) { return operators::is_stream_join_key(bytes); }
  static Bytes partition_key(Bytes bytes) {
    const Bytes key = operators::key_of_stream_join(bytes);
    if constexpr (HasPartitionKey<K>) {
      return Serde<K>::partition_key(key);
    } else {
      return key;
    }
  }
  static Status write_json(Bytes bytes, std::string& out) requires HasJson<K> {
    const View parts = view(bytes);
    out += R"({"key":)";
    MILLRACE_RETURN_IF_ERROR(Serde<K>::write_json(parts.key, out));
    out += R"(,"side":")";
    out += operators::name_of(parts.side);
    out += R"(","time_ms":)" + std::to_string(parts.time_ms);
    out += R"(,"end_ms":)" + std::to_string(parts.end_ms);
    out += R"(,"sequence":)" + std::to_string(parts.sequence) + '}';
    return {};
  }
};

template <class L, class R>
struct Serde<operators::StreamJoinRow<L, R>> {
  using View = operators::StreamJoinRowBytes;
  using Owned = operators::StreamJoinRowBytes;
  static std::string_view name() {
    static const std::string name = "stream_join_row<" + std::string(type_info<L>().name) + "," +
                                    std::string(type_info<R>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    return operators::validate_stream_join_row(bytes, &validate_as<L>, &validate_as<R>);
  }
  static View view(Bytes bytes) { return operators::decode_stream_join_row(bytes); }
  static void encode(const Owned& parts, std::string& out) {
    std::string row;
    operators::encode_stream_join_row(parts, row);
    out += row;
  }
  static Status write_json(Bytes bytes, std::string& out) requires HasJson<L> && HasJson<R> {
    const View parts = view(bytes);
    out += R"({"value":)";
    MILLRACE_RETURN_IF_ERROR(parts.side == operators::JoinSide::kLeft
                                 ? Serde<L>::write_json(parts.value, out)
                                 : Serde<R>::write_json(parts.value, out));
    out += R"(,"is_unjoined":)";
    out += parts.is_unjoined ? "true}" : "false}";
    return {};
  }
};

}  // namespace millrace
