#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/result.h"
#include "millrace/core/topic.h"

/// The rows of a table's history: the versions of its rows that are not the latest any more.
namespace millrace::operators {

/// The key of such a row; `key` is a view into its bytes, which are:
///
///     key, NUL, 2^63 − 1 − to, 2^63 − 1 − from
///
/// The last two have 8 bytes each, big-endian. So the versions of a text's are a group of rows that
/// a store finds and holds together, the newest first.
struct VersionKeyBytes {
  Bytes key;
  int64_t from_ms = 0;  ///< the version was valid from then on
  int64_t to_ms = 0;    ///< until before then; not before `from_ms`
};

/// Replaces `out` by what begins the keys of all versions of a key.
void encode_version_group(Bytes key, std::string& out);
/// Replaces `out`. REQUIRES: 0 <= from <= to.
void encode_version_key(const VersionKeyBytes& parts, std::string& out);
bool is_version_key(Bytes bytes);
/// Error: `kInvalidRecord` when `bytes` are no such key.
Status validate_version_key(Bytes bytes);
/// REQUIRES: `is_version_key`.
VersionKeyBytes decode_version_key(Bytes bytes);
/// The part `key` of any bytes; all of them where they are too short.
Bytes key_of_version(Bytes bytes);

/// The value of such a row: the table's, and a byte of 1; of a version in which the row was
/// deleted only a byte of 0. Replaces `out`; null: deleted.
void encode_version(Bytes value, std::string& out);
/// Error: `kInvalidRecord` when `bytes` have another layout or the value is not valid.
Status validate_version(Bytes bytes, Status (*value)(Bytes));
/// A view into `bytes`; null: deleted. REQUIRES: bytes that `validate_version` accepts.
Bytes decode_version(Bytes bytes);

/// Types of keys and values.
template <class K>
struct VersionKey {};
template <class V>
struct Version {};

}  // namespace millrace::operators

namespace millrace {

template <class K>
struct Serde<operators::VersionKey<K>> {
  using View = operators::VersionKeyBytes;
  using Owned = operators::VersionKeyBytes;
  static std::string_view name() {
    static const std::string name = "version_key<" + std::string(type_info<K>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    MILLRACE_RETURN_IF_ERROR(operators::validate_version_key(bytes));
    return validate_as<K>(operators::key_of_version(bytes));
  }
  static View view(Bytes bytes) { return operators::decode_version_key(bytes); }
  static void encode(const Owned& parts, std::string& out) {
    std::string key;
    operators::encode_version_key(parts, key);
    out += key;
  }
  /// Rows of other keys in such a store are the operator's own.
  static bool is_row(Bytes bytes) { return operators::is_version_key(bytes); }
  static Bytes partition_key(Bytes bytes) {
    const Bytes key = operators::key_of_version(bytes);
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
    out += R"(,"from_ms":)" + std::to_string(parts.from_ms);
    out += R"(,"to_ms":)" + std::to_string(parts.to_ms) + '}';
    return {};
  }
};

template <class V>
struct Serde<operators::Version<V>> {
  using View = Bytes;
  using Owned = Bytes;
  static std::string_view name() {
    static const std::string name = "version<" + std::string(type_info<V>().name) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    return operators::validate_version(bytes, &validate_as<V>);
  }
  static View view(Bytes bytes) { return operators::decode_version(bytes); }
  static void encode(const Owned& value, std::string& out) {
    std::string version;
    operators::encode_version(value, version);
    out += version;
  }
  static Status write_json(Bytes bytes, std::string& out) requires HasJson<V> {
    const Bytes value = operators::decode_version(bytes);
    if (!value.is_null()) return Serde<V>::write_json(value, out);
    out += "null";
    return {};
  }
};

}  // namespace millrace
