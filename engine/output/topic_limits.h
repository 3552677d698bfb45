#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>

#include "millrace/core/record.h"

namespace millrace::engine {

/// Bounds of a topic. A broker checks them when it appends a batch, and refuses the whole batch,
/// which ends the transaction: so the engine measures every record before it commits it.
struct TopicLimits {
  static constexpr int64_t kNoBound = std::numeric_limits<int64_t>::max();

  size_t batch_bytes_max = 0;        ///< of a batch on the wire
  bool needs_keys = false;           ///< it is compacted
  int64_t before_ms_max = kNoBound;  ///< how old a timestamp may be
  int64_t after_ms_max = kNoBound;   ///< how far ahead of now a timestamp may be

  /// Largest `record_bytes` of a record that fits a batch of its own.
  size_t record_bytes_max() const;
  bool takes_time(int64_t timestamp_ms, int64_t now_ms) const {
    return timestamp_ms >= earliest_ms(now_ms) && timestamp_ms <= latest_ms(now_ms);
  }
  int64_t earliest_ms(int64_t now_ms) const;
  int64_t latest_ms(int64_t now_ms) const;
};

/// From a topic's settings. Missing ones count as Kafka's defaults, or as no bound on timestamps.
/// Bounds on timestamps are a tenth narrower, a minute at most: the broker's clock is another one,
/// and a record may wait for its commit.
TopicLimits limits_of(const std::map<std::string, std::string>& config);

/// Bytes of key, value and headers, with the overhead of headers.
inline size_t record_bytes(Bytes key, Bytes value, std::span<const Header> headers) {
  constexpr size_t kLengthsMax = 10;  // of name and value
  size_t bytes = key.size() + value.size();
  for (const Header& header : headers) {
    bytes += header.name.size() + header.value.size() + kLengthsMax;
  }
  return bytes;
}

/// Why the topic `name` refuses a record of `bytes` (see `record_bytes`), and how to mend that;
/// empty: the topic takes it.
std::string refusal(const TopicLimits& limits, const std::string& name, Bytes key, size_t bytes,
                    int64_t timestamp_ms, int64_t now_ms);

}  // namespace millrace::engine
