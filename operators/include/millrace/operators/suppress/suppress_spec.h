#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "millrace/operators/detail/window_spec.h"

namespace millrace::operators {

struct BufferSpec {
  int64_t records_max = std::numeric_limits<int64_t>::max();
  int64_t bytes_max = std::numeric_limits<int64_t>::max();
  bool emits_early = false;  ///< when more are held back; else the record fails
};

/// How a table is suppressed, as a program defines it, unchecked.
struct SuppressSpec {
  bool until_window_closes = false;
  int64_t limit_ms = 0;  ///< else
  BufferSpec buffer = {};
  std::optional<WindowSpec> windows = {};  ///< those of the table's keys, if they are known

  /// As for `WindowSpec`, behind the table.
  std::string fault() const;
};

}  // namespace millrace::operators
