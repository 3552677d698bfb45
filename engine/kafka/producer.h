#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/clients/clients.h"
#include "engine/kafka/client/handles.h"
#include "engine/kafka/deliveries.h"
#include "engine/kafka/group_slot.h"
#include "engine/kafka/kafka_clients.h"

namespace millrace::engine::kafka {

/// `Producer` over one idempotent or transactional producer.
class KafkaProducer final : public Producer {
 public:
  /// `transactional_id` empty: idempotent only. `group` carries `commit_offsets`. Error: `kConfig`.
  static Result<std::unique_ptr<Producer>> make(const KafkaOptions& options,
                                                const std::string& transactional_id,
                                                const ProducerLimits& limits,
                                                std::shared_ptr<GroupSlot> group);
  ~KafkaProducer() override;

  Result<int32_t> topic_handle(const std::string& topic) override;
  Status init_transactions() override;
  Status begin_transaction() override;
  Status send(const OutgoingRecord& record) override;
  Status flush() override;
  Status send_offsets(std::span<const PartitionOffset> offsets,
                      const GroupMetadata& group) override;
  Status commit_transaction() override;
  Status abort_transaction() override;
  Status commit_offsets(std::span<const PartitionOffset> offsets,
                        const GroupMetadata& group) override;
  int64_t delivered_end(int32_t topic, int32_t partition) override;

 private:
  KafkaProducer(const KafkaOptions& options, bool transactional, std::shared_ptr<GroupSlot> group);
  static void on_delivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* opaque);
  Status send_failed(const OutgoingRecord& record, const rd_kafka_error_t& error);
  /// Why the open transaction has failed; nullopt: it has not, as far as librdkafka tells.
  std::optional<Error> transaction_failure();
  /// Says more about an error of the transaction, where more is known.
  Error explained(Error error) const;
  /// Repeats a call of the transaction's while librdkafka says it may be repeated, within the
  /// transaction's time-out; what is still not done then is `kTimedOut`.
  template <class Call>
  Status call(std::string_view name, Call&& once);

  const bool transactional_;
  const int64_t transaction_timeout_ms_;
  const std::shared_ptr<GroupSlot> group_;
  std::atomic<uint32_t> sends_ = 0;
  std::atomic<std::chrono::steady_clock::time_point> polled_{};
  std::mutex poll_mutex_;   ///< one sender at a time runs the callbacks
  std::mutex cause_mutex_;  ///< and one asks why the transaction failed
  DeliveryFailure failure_;

  // Destroyed from the last to the first: topic handles before the client.
  Client client_;
  /// As long as it may get from the start: `send` reads it without a lock.
  std::vector<std::unique_ptr<OutputTopic>> topics_;
  size_t topics_count_ = 0;
};

}  // namespace millrace::engine::kafka
