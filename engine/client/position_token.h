#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

namespace millrace::engine {

/// The next offset to read of each partition: everything before it is included.
using NextOffsets = std::map<TopicPartition, int64_t>;

/// A position as callers carry it: "topic:partition:offset", comma-separated. Leaves out offsets of
/// 0, as every state includes what lies before them.
std::string position_token(const NextOffsets& next);
/// Error: `kInvalidArgument`.
Result<NextOffsets> parse_position_token(std::string_view token);

/// Raises each offset of `position` to that of `more`.
void include(NextOffsets& position, const NextOffsets& more);
/// Whether `position` includes all of `wanted`.
bool includes(const NextOffsets& position, const NextOffsets& wanted);

inline constexpr size_t kPositionTokenLengthMax = 6'000;
/// As a regular expression (ECMA 262).
inline constexpr const char* kPositionTokenPattern =
    "^([a-zA-Z0-9._-]+:[0-9]+:[0-9]+(,[a-zA-Z0-9._-]+:[0-9]+:[0-9]+)*)?$";

}  // namespace millrace::engine
