#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/testing/memory_broker.h"

namespace millrace::testing {

/// A producer of the broker in memory. In a transaction it fills batches until the commit, as a
/// client does that never has to send early: what a topic refuses shows at the flush or the commit,
/// and concerns the whole batch. Without transactions each record is a batch.
class MemoryProducer final : public engine::Producer {
 public:
  MemoryProducer(MemoryBroker& broker, std::string transactional_id,
                 const engine::ProducerLimits& limits)
      : broker_(broker), id_(std::move(transactional_id)), limits_(limits) {}

  Result<int32_t> topic_handle(const std::string& topic) override;
  Status init_transactions() override;
  Status begin_transaction() override;
  Status send(const engine::OutgoingRecord& record) override;
  Status flush() override;
  Status send_offsets(std::span<const engine::PartitionOffset> offsets,
                      const engine::GroupMetadata& group) override;
  Status commit_transaction() override;
  Status abort_transaction() override;
  Status commit_offsets(std::span<const engine::PartitionOffset> offsets,
                        const engine::GroupMetadata& group) override;
  int64_t delivered_end(int32_t topic, int32_t partition) override;

 private:
  bool is_transactional() const { return !id_.empty(); }
  Status check_epoch() const;
  Status must_abort_if(Status status);
  /// Whether the topic takes the record into the batch that it comes in.
  bool admits(const StoredRecord& record, const TopicPartition& partition);
  void finish(MemoryBroker::TransactionState state);

  MemoryBroker& broker_;
  const std::string id_;
  const engine::ProducerLimits limits_;
  int32_t epoch_ = 0;
  int64_t transaction_ = 0;
  Status must_abort_;
  Status refused_;  ///< by a topic: told at the flush and the commit
  std::vector<std::string> topics_;
  std::map<TopicPartition, size_t> batch_bytes_;  ///< of the batches that are being filled
  std::map<std::pair<int32_t, int32_t>, int64_t> delivered_;
};

}  // namespace millrace::testing
