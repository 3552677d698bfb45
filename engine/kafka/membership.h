#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/clients/clients.h"
#include "engine/kafka/client/handles.h"
#include "engine/kafka/group_slot.h"
#include "engine/kafka/kafka_clients.h"

namespace millrace::engine::kafka {

/// Who joins, and for what.
struct Subscription {
  std::vector<std::string> topics;
  std::string spare_topic;  ///< joined and left to start a new generation
  std::string instance;     ///< the client's id, by which the group knows this member
};

/// `Membership` over a subscribed consumer that is assigned nothing, on a thread of its own.
///
/// A revocation blocks that thread, inside librdkafka's callback, until it is acknowledged;
/// meanwhile librdkafka's own threads keep the session alive. After nine tenths of
/// `barrier_timeout_ms` the barrier is given up: the group continues, and kLost is reported.
class KafkaMembership final : public Membership, private OffsetCommitter {
 public:
  /// Errors: `kConfig`, `kInvalidArgument` without topics.
  static Result<std::unique_ptr<Membership>> make(const KafkaOptions& options,
                                                  Subscription subscription,
                                                  std::shared_ptr<GroupSlot> slot);
  ~KafkaMembership() override;

  Result<std::optional<MembershipEvent>> poll() override;
  void acknowledge_revoked() override;
  void request_rebalance() override;
  void close() override;

 private:
  KafkaMembership(const KafkaOptions& options, Subscription subscription,
                  std::shared_ptr<GroupSlot> slot);
  Status subscribe();
  /// Starts a new generation when one was asked for.
  void rebalance_if_asked();
  Status commit(std::span<const PartitionOffset> offsets, const GroupMetadata& group) override;

  static void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t what,
                           rd_kafka_topic_partition_list_t* partitions, void* opaque);
  void assigned(const rd_kafka_topic_partition_list_t& partitions);
  void revoked();
  /// REQUIRES: mutex_ is held.
  void report(MembershipEvent event);
  bool closing();
  void run();
  void take_error(const rd_kafka_message_t& message);
  void leave();

  const Subscription subscription_;
  const std::chrono::milliseconds barrier_patience_;
  const std::shared_ptr<GroupSlot> slot_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<MembershipEvent> events_;
  int unacknowledged_ = 0;    ///< kRevoked and kLost reported and not yet handled
  int32_t generation_ = -1;   ///< in which offsets may be committed
  bool is_assigned_ = false;  ///< between an assignment and a revocation
  Status failed_;
  bool closing_ = false;
  bool rebalance_asked_ = false;

  bool with_spare_topic_ = false;  ///< of the thread: what it is subscribed to
  bool unanswered_ = false;        ///< of the thread: a revocation that closing overtook

  Client client_;
  std::thread thread_;
};

}  // namespace millrace::engine::kafka
