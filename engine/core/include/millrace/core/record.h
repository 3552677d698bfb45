#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "millrace/core/bytes.h"

namespace millrace {

struct Header {
  std::string_view name;
  Bytes value;
};

/// A record on an edge of the topology: views only, valid while `process` runs.
///
/// On the edges of a table a record is a *change*: `value` is the row now (null = deleted) and
/// `old_value` the previous row (null = there was none). On the edges of a stream `old_value` is
/// null. Non-null keys and values start at 8-byte boundaries.
struct Record {
  Bytes key;
  Bytes value;
  Bytes old_value;
  int64_t timestamp_ms = 0;  ///< event time, ms since 1970-01-01 UTC, never negative
  std::span<const Header> headers;
};

}  // namespace millrace
