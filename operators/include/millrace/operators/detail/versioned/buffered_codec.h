#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/record.h"
#include "millrace/core/result.h"
#include "millrace/core/topic.h"

/// The rows of a buffer of a stream's records, each until stream time reaches its end.
namespace millrace::operators {

/// The key of such a row; `key` is a view into its bytes, which are:
///
///     key, NUL, time, end, sequence
///
/// The last three have 8 bytes each, big-endian.
struct BufferedKeyBytes {
  Bytes key;
  int64_t time_ms = 0;
  int64_t end_ms = 0;  ///< not before the time
  uint64_t sequence = 0;
};

/// Replaces `out`. REQUIRES: times that are not negative.
void encode_buffered_key(const BufferedKeyBytes& parts, std::string& out);
bool is_buffered_key(Bytes bytes);
/// Error: `kInvalidRecord` when `bytes` are no such key.
Status validate_buffered_key(Bytes bytes);
/// REQUIRES: `is_buffered_key`.
BufferedKeyBytes decode_buffered_key(Bytes bytes);
/// The part `key` of any bytes; all of them where they are too short.
Bytes key_of_buffered(Bytes bytes);

/// The value of such a row, a record's value and headers:
///
///     bytes of the value, value; for each header: bytes of the name, name, bytes of the value,
///     value
///
/// Numbers have 8 bytes, big-endian; −1 for a header's value: null. Appends to `out`. REQUIRES: the
/// value is not null.
void encode_buffered(const Record& record, std::string& out);
/// Error: `kInvalidRecord` when `bytes` have another layout or the value is not valid.
Status validate_buffered(Bytes bytes, Status (*value)(Bytes));
/// Views into `bytes`. REQUIRES: bytes that `validate_buffered` accepts.
Bytes value_of_buffered(Bytes bytes);
void headers_of_buffered(Bytes bytes, std::vector<Header>& headers);

/// Types of keys and values.
template <class K>
struct BufferedKey {};
template <class V>
struct BufferedRecord {};

}  // namespace millrace::operators

namespace millrace {

template <class K>
struct Serde<operators::BufferedKey<K>> {
  using View = operators::BufferedKeyBytes;
  using Owned = operators::BufferedKeyBytes;
  static std::string_view name() {
    static const std::string name = "buffered_key<" + std::string(type_info<K>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    MILLRACE_RETURN_IF_ERROR(operators::validate_buffered_key(bytes));
    return validate_as<K>(operators::key_of_buffered(bytes));
  }
  static View view(Bytes bytes) { return operators::decode_buffered_key(bytes); }
  static void encode(const Owned& parts, std::string& out) {
    std::string key;
    operators::encode_buffered_key(parts, key);
    out += key;
  }
  /// Rows of other keys in such a store are the operator's own.
  static bool is_row(Bytes bytes) { return operators::is_buffered_key(bytes); }
  static Bytes partition_key(Bytes bytes) {
    const Bytes key = operators::key_of_buffered(bytes);
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
    out += R"(,"time_ms":)" + std::to_string(parts.time_ms);
    out += R"(,"end_ms":)" + std::to_string(parts.end_ms);
    out += R"(,"sequence":)" + std::to_string(parts.sequence) + '}';
    return {};
  }
};

template <class V>
struct Serde<operators::BufferedRecord<V>> {
  using View = Bytes;
  using Owned = Record;
  static std::string_view name() {
    static const std::string name = "buffered_record<" + std::string(type_info<V>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    return operators::validate_buffered(bytes, &validate_as<V>);
  }
  static View view(Bytes bytes) { return operators::value_of_buffered(bytes); }
  static void encode(const Owned& record, std::string& out) {
    operators::encode_buffered(record, out);
  }
  static Status write_json(Bytes bytes, std::string& out) requires HasJson<V> {
    return Serde<V>::write_json(operators::value_of_buffered(bytes), out);
  }
};

}  // namespace millrace
