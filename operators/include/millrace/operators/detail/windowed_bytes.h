#pragma once

#include <cstdint>
#include <string>

#include "millrace/core/bytes.h"
#include "millrace/core/record.h"
#include "millrace/core/result.h"

namespace millrace::operators {

/// The longest interval, so that the sum of an event time and a few of these stays within int64.
inline constexpr int64_t kIntervalMaxMs = kEventTimeMaxMs / 8;
/// No window ends later.
inline constexpr int64_t kWindowEndMaxMs = kEventTimeMaxMs + kIntervalMaxMs;

/// The bytes of a `Windowed` key in their parts; `key` is a view into them.
struct WindowedBytes {
  Bytes key;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
};

/// Appends what follows the key's bytes. REQUIRES: 0 <= start <= end.
void append_window(int64_t start_ms, int64_t end_ms, std::string& out);
/// Whether this is a key with a window.
bool is_windowed(Bytes bytes);
/// Error: `kInvalidRecord` when this is no key with a window.
Status validate_windowed(Bytes bytes);
/// REQUIRES: bytes that `validate_windowed` accepts.
WindowedBytes decode_windowed(Bytes bytes);
/// The key's bytes; all `bytes` when they are too short to have a window.
Bytes key_of_windowed(Bytes bytes);

}  // namespace millrace::operators
