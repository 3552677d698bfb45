#pragma once

#include <cstdint>

namespace millrace::engine {

/// By how much the clocks of two instances may differ.
inline constexpr int64_t kClockSkewMaxMs = 5 * 60'000;

}  // namespace millrace::engine
