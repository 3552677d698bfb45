#include "engine/output/topic_limits.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "engine/base/numbers.h"

namespace millrace::engine {
namespace {

using Settings = std::map<std::string, std::string>;

/// Kafka's default of max.message.bytes.
constexpr int64_t kMessageBytesDefault = 1'048'588;
/// A batch adds at most this to its single record: header, lengths, offset, timestamp.
constexpr size_t kBatchOverheadBytes = 128;
constexpr int64_t kMarginMsMax = 60'000;
constexpr int64_t kMarginShare = 10;

int64_t setting(const Settings& config, const char* name, int64_t otherwise) {
  const auto found = config.find(name);
  int64_t value = otherwise;
  if (found != config.end() && !read_number(std::string_view(found->second), value)) {
    return otherwise;
  }
  return std::max<int64_t>(value, 0);
}

int64_t with_margin(int64_t bound_ms) {
  if (bound_ms == TopicLimits::kNoBound) return bound_ms;
  return bound_ms - std::min(bound_ms / kMarginShare, kMarginMsMax);
}

}  // namespace

size_t TopicLimits::record_bytes_max() const {
  return batch_bytes_max - std::min(batch_bytes_max, kBatchOverheadBytes);
}

int64_t TopicLimits::earliest_ms(int64_t now_ms) const {
  return before_ms_max >= now_ms ? std::numeric_limits<int64_t>::min() : now_ms - before_ms_max;
}

int64_t TopicLimits::latest_ms(int64_t now_ms) const {
  return after_ms_max >= kNoBound - now_ms ? kNoBound : now_ms + after_ms_max;
}

TopicLimits limits_of(const Settings& config) {
  TopicLimits limits;
  // A batch must fit a segment too.
  limits.batch_bytes_max = static_cast<size_t>(
      std::min(setting(config, "max.message.bytes", kMessageBytesDefault),
               setting(config, "segment.bytes", std::numeric_limits<int32_t>::max())));
  const auto cleanup = config.find("cleanup.policy");
  limits.needs_keys =
      cleanup != config.end() && cleanup->second.find("compact") != std::string::npos;
  const auto type = config.find("message.timestamp.type");
  if (type != config.end() && type->second == "LogAppendTime") return limits;
  // The one bound of brokers before 3.6 holds where the newer two are not set.
  const int64_t either =
      setting(config, "message.timestamp.difference.max.ms", TopicLimits::kNoBound);
  const auto bound = [&](const char* name) {
    const int64_t own = setting(config, name, TopicLimits::kNoBound);
    return with_margin(own == TopicLimits::kNoBound ? either : own);
  };
  limits.before_ms_max = bound("message.timestamp.before.max.ms");
  limits.after_ms_max = bound("message.timestamp.after.max.ms");
  return limits;
}

std::string refusal(const TopicLimits& limits, const std::string& name, Bytes key, size_t bytes,
                    int64_t timestamp_ms, int64_t now_ms) {
  if (bytes > limits.record_bytes_max()) {
    return fmt::format(
        "an output of {} bytes is larger than topic '{}' takes (max.message.bytes and "
        "segment.bytes "
        "leave {})",
        bytes, name, limits.record_bytes_max());
  }
  if (limits.needs_keys && key.is_null()) {
    return fmt::format("an output without a key cannot go to topic '{}', which is compacted", name);
  }
  if (limits.takes_time(timestamp_ms, now_ms)) return {};
  const bool is_old = timestamp_ms < now_ms;
  return fmt::format(
      "an output of time {} ms is too {} for topic '{}' (message.timestamp.{}.max.ms)",
      timestamp_ms, is_old ? "old" : "far in the future", name, is_old ? "before" : "after");
}

}  // namespace millrace::engine
