#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/arena.h"
#include "millrace/core/clock.h"
#include "millrace/core/record.h"
#include "millrace/core/result.h"
#include "millrace/core/topology.h"

#include "engine/clients/clients.h"
#include "engine/output/output_topics.h"

namespace millrace::engine {

/// A task's outputs on their way to the producer.
///
/// Stages the records of a unit until the unit is known to stay, and hands them to the producer at
/// the end of the slice (`flush`).
/// While an earlier commit is still on its way to Kafka, it holds everything.
class Collector {
 public:
  /// Both must outlive this.
  Collector(const OutputTopics& topics, const Clock& clock) : topics_(topics), clock_(clock) {}

  void begin_unit();
  /// Takes back all that was staged since `begin_unit`.
  void undo_unit();
  /// First output or row of the unit that its topic would refuse.
  const Status& unit_status() const { return unit_status_; }
  /// Notes why the unit must be undone; the first counts.
  void refuse(Error error);
  /// Whether the topic takes such a record; else the unit's status says why not, with `kRefused`.
  bool admits(int32_t topic, const Record& record);

  int32_t partitions(int32_t topic) const { return topics_[topic].partitions; }
  /// Stages a record for one partition, if its topic takes it.
  void stage(int32_t topic, int32_t partition, const Record& record);
  /// The same with the partition that follows from the key: murmur2 of its `partition_key`. Spreads
  /// records without a key.
  void stage(int32_t topic, const PartitionKey& partition_key, const Record& record);
  /// Sends the staged records. REQUIRES: no unit open. Errors: the producer's, all of which concern
  /// the whole transaction, since every record was measured; then the caller must `clear`.
  Status flush(Producer& producer);
  /// The partition of a table sink's row, which `send` takes then. The row was measured when it was
  /// put; its topic may refuse it all the same when its commit came so late that its time is out of
  /// bounds by now (`kRefused`), or its partitioner may throw (`kUserCode`).
  Result<int32_t> place_row(int32_t topic, const PartitionKey& partition_key, Bytes key,
                            size_t bytes, int64_t timestamp_ms);
  /// Drops everything (I4).
  void clear();

  bool empty() const { return staged_.empty(); }
  size_t used_bytes() const { return arena_.used_bytes() + staged_.size() * sizeof(Staged); }

  struct Sent {
    uint64_t records = 0;
    uint64_t bytes = 0;  ///< keys and values
  };
  /// Sends `record` and counts it; changelog records go this way too.
  Status send(Producer& producer, int32_t topic, OutgoingRecord record);
  /// By topic, since the last call.
  std::vector<Sent> take_sent() { return std::exchange(sent_, {}); }

 private:
  struct Staged {
    int32_t topic = 0;
    int32_t partition = 0;
    Bytes key;
    Bytes value;
    int64_t timestamp_ms = 0;
    uint32_t first_header = 0;
    uint32_t header_count = 0;
  };

  /// Why the topic would refuse the record; empty: it takes it.
  std::string refusal_of(int32_t topic, Bytes key, size_t bytes, int64_t timestamp_ms);
  int32_t partition_for(int32_t topic, const PartitionKey& partition_key, Bytes key);

  static constexpr ArenaBlocks kArenaBlocks{
      .block_bytes_min = 128 << 10, .block_bytes_max = 128 << 10, .kept_bytes_max = 4 << 20};

  const OutputTopics& topics_;
  const Clock& clock_;
  int64_t now_ms_ = 0;  ///< as of the last timestamp that needed it
  Arena arena_{kArenaBlocks};
  std::vector<Staged> staged_;
  std::vector<Header> headers_;
  uint32_t spread_ = 0;
  std::vector<Sent> sent_;

  Arena::Mark unit_arena_;
  size_t unit_staged_ = 0;
  size_t unit_headers_ = 0;
  Status unit_status_;
};

}  // namespace millrace::engine
