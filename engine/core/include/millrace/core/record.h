#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "millrace/core/bytes.h"

namespace millrace {

struct Header {
  std::string_view name;
  Bytes value;  ///< null is not empty
};

/// The largest event time, about 146 million years from 1970. Later ones count as this one, so that
/// the sum of an event time and an interval that is no longer stays within int64.
inline constexpr int64_t kEventTimeMaxMs = std::numeric_limits<int64_t>::max() / 2;

/// A record on an edge of the topology: views only, valid while `process` runs.
///
/// On the edges of a table a record is a *change*: `value` is the row now (null = deleted) and
/// `old_value` the previous row (null = there was none). On the edges of a stream `old_value` is
/// null. Non-null keys and values start at 8-byte boundaries.
struct Record {
  Bytes key;
  Bytes value;
  Bytes old_value;
  /// Event time, ms since 1970-01-01 UTC. Of a record from an input: 0 to `kEventTimeMaxMs`.
  int64_t timestamp_ms = 0;
  std::span<const Header> headers;
};

}  // namespace millrace
