#include "engine/metrics/hidden_records.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace millrace::engine {
namespace {

/// The default time-out of transactions: after it an open one needs a reason.
constexpr int64_t kLongMs = 60'000;

}  // namespace

std::string producers_command(std::string_view bootstrap_servers, const TopicPartition& partition) {
  return fmt::format(
      "kafka-transactions.sh --bootstrap-server {} describe-producers --topic {} --partition {}",
      bootstrap_servers, partition.topic, partition.partition);
}

bool HiddenRecords::is_long_news(const PartitionLag& lag, int64_t now_ms) {
  if (!lag.hidden || now_ms - lag.hidden->since_ms < kLongMs) return false;
  return !std::exchange(stuck_.at(lag.partition).was_told, true);
}

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
