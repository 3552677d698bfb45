#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

namespace flatbuffers {
class Parser;
}

namespace millrace {

/// The compiled schema of a table: `kBytes`. The headers that `millrace_add_schemas` makes define
/// it for their tables.
template <class Table>
struct BinarySchema;

template <class Table>
concept HasBinarySchema = requires {
  BinarySchema<Table>::kBytes;
};

/// Writes tables of one type as JSON. Thread-safe.
class FlatSchema {
 public:
  /// REQUIRES: flatc compiled `schema`, which has a table of this name, e.g. "shop.Order".
  FlatSchema(std::span<const uint8_t> schema, const char* table);
  ~FlatSchema();
  FlatSchema(const FlatSchema&) = delete;
  FlatSchema& operator=(const FlatSchema&) = delete;

  /// Appends an object to `out`. Writes absent scalars with their default, or null if they have
  /// none, and leaves out absent strings, vectors and tables. Bytes of texts that are not UTF-8
  /// become U+FFFD. Error: `kInvalidRecord` for contents that the schema does not know, such as a
  /// member that a later version added to a union. REQUIRES: a verified buffer.
  Status write_json(Bytes bytes, std::string& out) const;

 private:
  std::unique_ptr<const flatbuffers::Parser> parser_;
};

}  // namespace millrace
