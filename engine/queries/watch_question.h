#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/result.h"

#include "engine/changes/change_rings.h"

/// The questions of instances to each other for changes, as CBOR. They come from the network:
/// decoding checks everything.
namespace millrace::engine {

/// Asks for changes in tasks that the asked instance runs.
struct WatchQuestion {
  ChangeQuestion changes;
  int64_t wait_ms = 0;  ///< for a change; the reply may take as long
};

inline constexpr int64_t kWatchWaitMsMax = 1'000;
inline constexpr size_t kWatchQuestionBytesMax = 512 << 10;

std::string encode_watch(const WatchQuestion& question);
/// Error: `kInvalidArgument`.
Result<WatchQuestion> decode_watch(std::string_view bytes);
std::string encode_changes(const ChangeReply& reply);
/// Error: `kInvalidRecord`; also for places beyond `ranges`.
Result<ChangeReply> decode_changes(std::string_view bytes, size_t ranges);

}  // namespace millrace::engine
