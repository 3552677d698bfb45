#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/bytes.h"

namespace millrace {

/// The values of an index, and their order.
enum class IndexType : unsigned char {
  kText,     ///< in the order of their unsigned bytes
  kInteger,  ///< in the order of the numbers
};
/// "text", "integer".
std::string_view to_string(IndexType type);

/// Longest text of an index in bytes; of a longer one the index knows the beginning.
constexpr size_t kIndexTextBytesMax = 1024;

/// An index has one entry for each value of each row. Its key is the value's bytes and then the
/// row's key:
///
///   kText     each byte of the text, 0x00 as 0x00 0xff; at the end 0x00 0x01
///   kInteger  8 bytes, big-endian, the sign bit inverted
///
/// So entries are in the order of values, those of one value in the order of rows, and the bytes of
/// no value begin with those of another. Both functions append the value's bytes to `out`.
void append_indexed(std::string_view text, std::string& out);
void append_indexed(int64_t number, std::string& out);
/// The bytes with which every text that begins with `prefix` begins.
void append_indexed_prefix(std::string_view prefix, std::string& out);

/// An entry's key in its parts; `row_key` is a view into it.
struct IndexEntry {
  std::string text;    ///< kText
  int64_t number = 0;  ///< kInteger
  Bytes row_key;
};
/// Null when the bytes are no entry's key.
std::optional<IndexEntry> read_index_entry(IndexType type, Bytes entry);

/// Collects the values under which an index finds a row.
class IndexValues {
 public:
  /// A value that was added before counts once.
  void add(std::string_view text);
  void add(int64_t number);

  void clear() { used_ = 0; }
  /// Their bytes, ascending and each once; valid until the next call.
  std::span<const std::string> sorted();

 private:
  std::string& next();

  std::vector<std::string> values_;  // keeps its memory for the next row
  size_t used_ = 0;
};

/// A secondary index of a store. It is kept in the same commit as the rows, and restored and copied
/// with them.
struct IndexSpec {
  std::string name;
  IndexType type = IndexType::kText;
  /// Adds the values of a row, each of `type`; none: the index leaves the row out. It must be a
  /// pure function: give an index whose function changes another name. A row for which it throws
  /// is left out, with a log line.
  std::function<void(Bytes key, Bytes value, IndexValues& values)> values_of;
};

/// The name under which queries read an index: its rows are those of the store, each once for every
/// value, and their keys are those of the entries. "<store>/<index>".
std::string index_store_name(std::string_view store, std::string_view index);

}  // namespace millrace
