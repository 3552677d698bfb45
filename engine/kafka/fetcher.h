#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/clients/clients.h"
#include "engine/kafka/client/handles.h"
#include "engine/kafka/fetch_waker.h"
#include "engine/kafka/kafka_clients.h"

namespace millrace::engine::kafka {

/// `Fetcher` over one consumer that is only assigned to, never subscribed.
///
/// The prefetch limit of librdkafka is per partition and fixed when a client is made; so that all
/// partitions together keep within the budget, the client is made for a number of partitions, and
/// made again, at the positions reached, when `add` goes beyond it.
///
/// One thread, except `wake`.
class KafkaFetcher final : public Fetcher {
 public:
  /// Error: `kConfig`.
  static Result<std::unique_ptr<Fetcher>> make(const KafkaOptions& options, std::string purpose,
                                               RecordHeaders headers);
  ~KafkaFetcher() override;

  Status add(std::span<const PartitionOffset> partitions) override;
  Status remove(std::span<const TopicPartition> partitions) override;
  Result<FetchOutcome> poll(const TopicPartition& partition, size_t max_records,
                            RecordBatch& batch) override;
  void wait(int64_t timeout_ms) override;
  void wake() override;
  void set_catching_up(bool catching_up) override;

 private:
  /// One partition's way from librdkafka's queue.
  struct Partition {
    Queue queue;
    int64_t position = 0;     ///< offset of the next record; those below are dropped
    bool maybe_more = false;  ///< the last poll was full: the queue may not signal again
    Status waiting;           ///< found behind records that had to be handed out first
    bool stopped = false;     ///< librdkafka fetches no more: `waiting` stays until `remove`
  };

  KafkaFetcher(const KafkaOptions& options, std::string purpose, RecordHeaders headers,
               int event_fd);
  Result<Client> make_client(size_t room) const;
  void use_client(Client client, size_t room);
  Status assign(std::span<const PartitionOffset> partitions);
  void take(rd_kafka_message_t& message, const TopicPartition& name, Partition& partition,
            RecordBatch& batch, FetchOutcome& outcome);
  void serve_client();
  void tell_waker();

  const KafkaOptions options_;
  const std::string purpose_;
  const RecordHeaders headers_;
  const int event_fd_;
  bool catching_up_ = false;
  size_t client_partitions_ = 0;  ///< what the client's limits were made for

  // Destroyed from the last to the first: queues and the waker before the client.
  Client client_;
  std::unique_ptr<FetchWaker> waker_;  ///< null: librdkafka needs none
  std::map<TopicPartition, Partition> partitions_;
};

}  // namespace millrace::engine::kafka
