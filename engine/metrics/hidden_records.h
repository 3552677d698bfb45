#pragma once

#include <cstdint>
#include <map>

#include "millrace/core/ids.h"
#include "millrace/engine/metrics.h"

namespace millrace::engine {

/// How far an input has been read.
struct InputPosition {
  TopicPartition partition;
  int64_t offset = 0;      ///< the next record to process
  bool is_at_end = false;  ///< the broker gives nothing more
};

/// Finds inputs that are read to their last stable offset while records lie behind it: the open
/// transaction of another producer hides all that came after its first record, committed records
/// too. Not thread-safe.
class HiddenRecords {
 public:
  /// The lag of an input whose log ends at `high` now, `now_ms` by the time of day. Records count
  /// as hidden if the previous call for the input saw some behind the same offset too: those that
  /// have just arrived are only on their way here.
  PartitionLag see(const InputPosition& at, int64_t high, int64_t now_ms);

 private:
  struct Seen {
    int64_t offset = 0;
    int64_t since_ms = 0;
  };
  std::map<TopicPartition, Seen> stuck_;  ///< at an end with records behind it
};

}  // namespace millrace::engine
