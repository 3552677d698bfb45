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
/// Takes the id of an event too, whose mark it leaves out. Error: `kInvalidArgument`.
Result<NextOffsets> parse_position_token(std::string_view token);

/// Raises each offset of `position` to that of `more`.
void include(NextOffsets& position, const NextOffsets& more);
/// Whether `position` includes all of `wanted`.
bool includes(const NextOffsets& position, const NextOffsets& wanted);

/// Id of an event of a subscription: the position of the state that it shows, ';', and a mark of
/// the content. Positions alone cannot tell whether something changed: timers change states too.
std::string event_id(std::string_view position, std::string_view mark);
/// The mark in an id; empty for a position without one.
std::string_view mark_in(std::string_view id);

inline constexpr size_t kPositionTokenLengthMax = 6'000;
inline constexpr size_t kEventMarkLength = 16;  ///< hexadecimal digits
inline constexpr size_t kEventIdLengthMax = kPositionTokenLengthMax + 1 + kEventMarkLength;
/// As a regular expression (ECMA 262), with or without a mark.
inline constexpr const char* kPositionTokenPattern =
    "^([a-zA-Z0-9._-]+:[0-9]+:[0-9]+(,[a-zA-Z0-9._-]+:[0-9]+:[0-9]+)*)?(;[0-9a-f]{16})?$";

}  // namespace millrace::engine
