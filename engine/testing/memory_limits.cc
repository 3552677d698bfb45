#include "engine/testing/memory_limits.h"

#include <limits>

#include <fmt/format.h>

namespace millrace::testing {
namespace {

using Settings = std::map<std::string, std::string>;

constexpr int64_t kMessageBytesDefault = 1'048'588;
constexpr int64_t kUnbounded = std::numeric_limits<int64_t>::max();

int64_t number(const Settings& config, const char* name, int64_t otherwise) {
  const auto found = config.find(name);
  return found == config.end() ? otherwise : std::stoll(found->second);
}

bool has(const Settings& config, const char* name, const char* part) {
  const auto found = config.find(name);
  return found != config.end() && found->second.find(part) != std::string::npos;
}

/// Of a length or small number: seven bits a byte, signed.
size_t varint_bytes(size_t value) {
  size_t bytes = 1;
  for (value *= 2; value >= 128; value /= 128) ++bytes;
  return bytes;
}

size_t part_bytes(const std::optional<std::string>& part) {
  return part ? varint_bytes(part->size()) + part->size() : 1;
}

}  // namespace

size_t record_bytes(const StoredRecord& record) {
  constexpr size_t kAttributesBytes = 1;
  constexpr size_t kDeltasBytes = 6;  // of time and offset, for records that are close
  size_t bytes = kAttributesBytes + kDeltasBytes + part_bytes(record.key) +
                 part_bytes(record.value) + varint_bytes(record.headers.size());
  for (const auto& [name, value] : record.headers) {
    bytes += varint_bytes(name.size()) + name.size() + part_bytes(value);
  }
  return bytes + varint_bytes(bytes);
}

std::string refusal(const Settings& config, const StoredRecord& record, size_t batch_bytes,
                    int64_t now_ms) {
  const int64_t bytes_max = number(config, "max.message.bytes", kMessageBytesDefault);
  if (batch_bytes > static_cast<size_t>(bytes_max)) {
    return fmt::format("a batch of {} bytes is larger than max.message.bytes={}", batch_bytes,
                       bytes_max);
  }
  if (!record.key && has(config, "cleanup.policy", "compact")) {
    return "a compacted topic takes no record without a key";
  }
  if (stamps_records(config)) return {};
  const int64_t ahead_ms = number(config, "message.timestamp.after.max.ms", kUnbounded);
  const int64_t behind_ms = number(config, "message.timestamp.before.max.ms", kUnbounded);
  const bool is_late = ahead_ms < kUnbounded && record.timestamp_ms > now_ms &&
                       record.timestamp_ms - now_ms > ahead_ms;
  const bool is_early = behind_ms < kUnbounded && record.timestamp_ms < now_ms &&
                        now_ms - record.timestamp_ms > behind_ms;
  if (!is_late && !is_early) return {};
  return fmt::format("the timestamp {} is out of the topic's bounds at {}", record.timestamp_ms,
                     now_ms);
}

bool stamps_records(const Settings& config) {
  return has(config, "message.timestamp.type", "LogAppendTime");
}

}  // namespace millrace::testing
