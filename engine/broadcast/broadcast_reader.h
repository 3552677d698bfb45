#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"
#include "millrace/core/topology.h"
#include "millrace/engine/metrics.h"
#include "millrace/engine/options.h"

#include "engine/base/line_limit.h"
#include "engine/broadcast/broadcast_copy.h"
#include "engine/broadcast/end_checks.h"
#include "engine/clients/clients.h"
#include "engine/core/resolved_topology.h"

namespace millrace::engine {

/// A broadcast topic and the instance's copy of it.
struct BroadcastTopic {
  const TopicUse* use = nullptr;
  /// How long Kafka keeps the tombstone of a deleted key.
  int64_t tombstone_retention_ms = 0;
  BroadcastCopy copy;

  /// After so long deletions may be missing. Clocks may be wrong by an hour a day.
  int64_t outdated_after_ms() const { return tombstone_retention_ms - tombstone_retention_ms / 24; }
};

/// Reads the broadcast topics of an instance, each once: its content, then its changes as they
/// come. Loop's thread only; tasks read the copies in slices.
class BroadcastReader {
 public:
  /// All must outlive this.
  BroadcastReader(std::unique_ptr<Fetcher> fetcher, const ClientFactory& clients, Admin& admin,
                  const EngineOptions& options, const Clock& clock, Metrics& metrics,
                  LineLimit& lines);

  /// Starts to read every topic of `topology`, which must outlive this. Errors: `kConfig` when a
  /// topic is not compacted; those of `Admin` and of `Fetcher::add`.
  Status open(const Topology& topology, const ResolvedTopology& resolved);

  struct Outcome {
    size_t records = 0;
    bool is_at_end = true;
  };
  /// One bounded round. Errors: `kConfig` when a topic was created again, `kInvalidRecord` under
  /// policy fail, `kRefused`; `kRetriable` when a copy was not current for longer than Kafka keeps
  /// tombstones: it is read again from the beginning, and the tasks have to begin again.
  Result<Outcome> poll();
  /// Whether it has read all that the topics held when it began to read. Tasks start only then.
  bool is_loaded() const;

  /// Every topic with the number of its partitions.
  std::vector<std::pair<std::string, int32_t>> partitions() const;
  /// REQUIRES: the topology has a broadcast table of this name.
  const BroadcastTopic& topic(std::string_view name) const;
  /// Forgets versions below the floors that `lower` finds. It gets each topic with the ends of its
  /// partitions, and lowers these to the slowest cursor.
  void prune(const std::function<void(const BroadcastTopic&, std::span<int64_t> floors)>& lower);

 private:
  struct Partition {
    BroadcastTopic* topic = nullptr;
    TopicPartition partition;
    int64_t position = 0;
    bool is_at_end = false;
    int64_t loaded_ms = -1;  ///< time of day when it had read what the topic held; −1: it has not
  };
  Status poll_partition(Partition& from, Outcome& outcome);
  Status take(Partition& from, const FetchOutcome& polled, const RecordBatch& batch);
  Status append(Partition& from, const FetchedRecord& record);
  Status reposition(Partition& from);
  Status move(Partition& from, int64_t position);
  size_t number_of(const Partition& from) const {
    return static_cast<size_t>(&from - partitions_.data());
  }
  /// Whether what comes next in a partition may lack deletions that Kafka has forgotten.
  bool is_outdated(const Partition& from) const;
  /// Begins a copy again. Returns the error that says so.
  Status reload(BroadcastTopic& topic);

  std::unique_ptr<Fetcher> fetcher_;
  Admin& admin_;
  const EngineOptions& options_;
  const Clock& clock_;
  Metrics& metrics_;
  LineLimit& lines_;
  std::vector<std::unique_ptr<BroadcastTopic>> topics_;
  std::vector<Partition> partitions_;
  EndChecks checks_;  ///< in the order of `partitions_`
};

}  // namespace millrace::engine
