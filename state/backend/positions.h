#pragma once

#include <span>
#include <string>

#include "millrace/core/result.h"
#include "millrace/state/task_state.h"

namespace millrace {

/// Takes over a commit's positions: its inputs and time, and the changelog ends that it names of
/// `stores`.
void merge_positions(const TaskPositions& from, std::span<const std::string> stores,
                     TaskPositions& into);

/// Positions as bytes, all integers little-endian:
///   i64 committed_at_ms
///   u32 count, then per store: u32 length, name, i64 changelog end
///   u32 count, then per input: u32 length, topic, i32 partition, i64 next offset
std::string encode_positions(const TaskPositions& positions);
/// Error: `kStoreIo` when the bytes are not of that form.
Result<TaskPositions> decode_positions(Bytes bytes);

}  // namespace millrace
