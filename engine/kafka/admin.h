#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/clients/clients.h"
#include "engine/kafka/client/handles.h"
#include "engine/kafka/kafka_clients.h"

namespace millrace::engine::kafka {

/// `Admin` over two consumers that fetch nothing. Their isolation level decides what a broker
/// answers: committed offsets are stable only for a read_committed one, and the end of a partition
/// is the high watermark only for a read_uncommitted one. The members of the group are asked for by
/// a client of its own, which it keeps as long as all brokers that the client knows answer.
///
/// A broker learns of a new topic a moment after the one that made it. So a topic that the broker
/// that was asked does not know is asked for again, for some seconds, before it does not exist.
class KafkaAdmin final : public Admin {
 public:
  /// Error: `kConfig`.
  static Result<std::unique_ptr<Admin>> make(const KafkaOptions& options);

  Result<std::vector<TopicDescription>> list_topics() override;
  Result<TopicDescription> describe_topic(const std::string& topic) override;
  Status create_topics(std::span<const NewTopic> topics) override;
  Result<std::vector<PartitionOffset>> committed(
      std::span<const TopicPartition> partitions) override;
  Result<Watermarks> watermarks(const TopicPartition& partition) override;
  Result<std::vector<GroupMember>> group_members() override;
  Status delete_records(std::span<const PartitionOffset> before) override;

 private:
  KafkaAdmin(Client offsets_client, Client client, const KafkaOptions& options);
  /// Metadata of one topic, or of all when `topic` is null.
  Result<TopicMetadata> metadata(rd_kafka_topic_t* topic, int timeout_ms) const;
  struct Partitions {
    int32_t count = 0;
    bool have_leaders = false;  ///< each of them
  };
  /// Afterwards questions about partitions go to their present leaders. librdkafka remembers a
  /// leader for a quarter of an hour and asks it again whatever it said, so this follows failures.
  Result<Partitions> partitions_of(const std::string& topic, int timeout_ms) const;
  Status wait_until_usable(const NewTopic& topic) const;
  /// By whichever broker it asks.
  Result<TopicDescription> describe_at_once(const std::string& topic) const;
  Result<std::map<std::string, std::string>> topic_config(const std::string& topic) const;
  /// Waits for the answer to a request that `send` puts to the queue it is given.
  template <class Send>
  Result<Event> ask(std::string_view name, rd_kafka_admin_op_t operation, Send&& send) const;

  /// The client for one question about the members: the kept one, unless it is in use.
  Result<Client> take_members_client();

  const Client offsets_client_;  ///< read_committed
  const Client client_;          ///< read_uncommitted
  const KafkaOptions options_;
  std::mutex mutex_;
  std::optional<Client> members_client_;  ///< guarded by the mutex
};

}  // namespace millrace::engine::kafka
