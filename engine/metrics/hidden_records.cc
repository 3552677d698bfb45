#include "engine/metrics/hidden_records.h"

#include <algorithm>

namespace millrace::engine {

PartitionLag HiddenRecords::see(const InputPosition& at, int64_t high, int64_t now_ms) {
  PartitionLag lag{.partition = at.partition,
                   .records = std::max<int64_t>(high - at.offset, 0),
                   .hidden = std::nullopt};
  if (!at.is_at_end || lag.records == 0) {
    stuck_.erase(at.partition);
    return lag;
  }
  const auto [seen, is_new] = stuck_.try_emplace(at.partition, Seen{at.offset, now_ms});
  if (!is_new && seen->second.offset == at.offset) {
    lag.hidden = HiddenBehind{at.offset, seen->second.since_ms};
  } else {
    seen->second = {at.offset, now_ms};
  }
  return lag;
}

}  // namespace millrace::engine
