#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "millrace/core/ids.h"
#include "millrace/engine/metrics.h"

namespace millrace::engine {

/// How far an input has been read.
struct InputPosition {
  TopicPartition partition;
  int64_t offset = 0;      ///< the next record to process
  bool is_at_end = false;  ///< the broker gives nothing more
};

/// The command of Kafka's tools that names the producers with open transactions in a partition. The
/// brokers tell that to nobody else here: librdkafka has no such question.
std::string producers_command(std::string_view bootstrap_servers, const TopicPartition& partition);

/// Finds inputs that are read to their last stable offset while records lie behind it: the open
/// transaction of another producer hides all that came after its first record, committed records
/// too. Not thread-safe.
class HiddenRecords {
 public:
  /// The lag of an input whose log ends at `high` now, `now_ms` by the time of day. Records count
  /// as hidden if the previous call for the input saw some behind the same offset too: those that
  /// have just arrived are only on their way here.
  PartitionLag see(const InputPosition& at, int64_t high, int64_t now_ms);
  /// Whether something is hidden for longer than most transactions take, and this is the first call
  /// that finds it. `lag` comes from `see`.
  bool is_long_news(const PartitionLag& lag, int64_t now_ms);

 private:
  struct Seen {
    int64_t offset = 0;
    int64_t since_ms = 0;
    bool was_told = false;
  };
  std::map<TopicPartition, Seen> stuck_;  ///< at an end with records behind it
};

}  // namespace millrace::engine
