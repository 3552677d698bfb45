#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "millrace/core/result.h"

namespace millrace {

/// How far an index is built; its task writes it, and readers on other threads look.
struct IndexProgress {
  std::atomic<bool> is_complete{true};
  std::atomic<uint64_t> rows{0};  ///< that it holds so far, while it is built
  std::atomic<int> percent{0};    ///< of the store, an estimate

  /// Error: `kNotReady` while it is built.
  Status check(const std::string& name) const {
    if (is_complete) return {};
    return Error{ErrorCode::kNotReady, fmt::format("index '{}' is being built: {} rows, about {} %",
                                                   name, rows.load(), percent.load())};
  }
};

}  // namespace millrace
