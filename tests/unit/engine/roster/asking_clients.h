#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/clients/clients.h"

namespace millrace::engine {

/// Clients whose questions a test answers first: with an error, late, or not at all by an ok. The
/// functions are called from whatever thread asks.
struct Questions {
  std::function<Status(const TopicPartition&)> watermarks;
  std::function<Status(const std::string& topic)> description;
  std::function<Status(std::span<const TopicPartition>)> committed;
  std::function<Status(const std::string& transactional_id)> producer;
  /// Changes an answer of the broker.
  std::function<void(std::vector<PartitionOffset>&)> change_committed;
  std::function<void(const TopicPartition&, Admin::Watermarks&)> change_watermarks;
  std::function<void(std::vector<TopicDescription>&)> change_list;
  /// Records of a broadcast topic's partition that are shown, as if more had not come yet.
  size_t table_records_max = SIZE_MAX;
  bool answers_at_once = true;
};

class AskingAdmin final : public Admin {
 public:
  AskingAdmin(std::unique_ptr<Admin> admin, const Questions& questions)
      : admin_(std::move(admin)), questions_(questions) {}

  Result<std::vector<TopicDescription>> list_topics() override {
    Result<std::vector<TopicDescription>> answer = admin_->list_topics();
    if (answer.ok() && questions_.change_list) questions_.change_list(*answer);
    return answer;
  }
  Result<TopicDescription> describe_topic(const std::string& topic) override {
    if (questions_.description) MILLRACE_RETURN_IF_ERROR(questions_.description(topic));
    return admin_->describe_topic(topic);
  }
  Status create_topics(std::span<const NewTopic> topics) override {
    return admin_->create_topics(topics);
  }
  Result<std::vector<PartitionOffset>> committed(
      std::span<const TopicPartition> partitions) override {
    if (questions_.committed) MILLRACE_RETURN_IF_ERROR(questions_.committed(partitions));
    Result<std::vector<PartitionOffset>> answer = admin_->committed(partitions);
    if (answer.ok() && questions_.change_committed) questions_.change_committed(*answer);
    return answer;
  }
  Result<Watermarks> watermarks(const TopicPartition& partition) override {
    if (questions_.watermarks) MILLRACE_RETURN_IF_ERROR(questions_.watermarks(partition));
    Result<Watermarks> answer = admin_->watermarks(partition);
    if (answer.ok() && questions_.change_watermarks) {
      questions_.change_watermarks(partition, *answer);
    }
    return answer;
  }
  Result<std::vector<GroupMember>> group_members() override { return admin_->group_members(); }
  Status delete_records(std::span<const PartitionOffset> before) override {
    return admin_->delete_records(before);
  }

 private:
  std::unique_ptr<Admin> admin_;
  const Questions& questions_;
};

/// Shows the first records of each partition only. For topics without transactions.
class ShortFetcher final : public Fetcher {
 public:
  ShortFetcher(std::unique_ptr<Fetcher> fetcher, const Questions& questions)
      : fetcher_(std::move(fetcher)), questions_(questions) {}

  Status add(std::span<const PartitionOffset> partitions) override {
    return fetcher_->add(partitions);
  }
  Status remove(std::span<const TopicPartition> partitions) override {
    return fetcher_->remove(partitions);
  }
  Result<FetchOutcome> poll(const TopicPartition& partition, size_t max_records,
                            RecordBatch& batch) override {
    size_t& shown = shown_[partition];
    const size_t most = questions_.table_records_max;
    const size_t left = most - std::min(most, shown);
    if (left == 0) return FetchOutcome{0, static_cast<int64_t>(shown)};
    Result<FetchOutcome> polled = fetcher_->poll(partition, std::min(left, max_records), batch);
    if (polled.ok()) shown += polled->records;
    return polled;
  }
  void wait(int64_t timeout_ms) override { fetcher_->wait(timeout_ms); }
  void wake() override { fetcher_->wake(); }
  void set_catching_up(bool catching_up) override { fetcher_->set_catching_up(catching_up); }

 private:
  std::unique_ptr<Fetcher> fetcher_;
  const Questions& questions_;
  std::map<TopicPartition, size_t> shown_;
};

/// `questions` outlives this and what it makes.
class AskingClients final : public ClientFactory {
 public:
  AskingClients(std::unique_ptr<ClientFactory> clients, const Questions& questions)
      : clients_(std::move(clients)), questions_(questions) {}

  bool answers_at_once() const override { return questions_.answers_at_once; }
  Result<std::unique_ptr<Membership>> join(const std::vector<std::string>& topics,
                                           const std::string& spare_topic,
                                           const std::string& instance) override {
    return clients_->join(topics, spare_topic, instance);
  }
  Result<std::unique_ptr<Fetcher>> fetcher(const std::string& purpose,
                                           RecordHeaders headers) override {
    Result<std::unique_ptr<Fetcher>> made = clients_->fetcher(purpose, headers);
    if (!made.ok() || purpose != "broadcast") return made;
    return std::unique_ptr<Fetcher>(std::make_unique<ShortFetcher>(std::move(*made), questions_));
  }
  Result<std::unique_ptr<Producer>> producer(const std::string& transactional_id,
                                             const ProducerLimits& limits) override {
    if (questions_.producer) MILLRACE_RETURN_IF_ERROR(questions_.producer(transactional_id));
    return clients_->producer(transactional_id, limits);
  }
  Result<std::unique_ptr<Admin>> admin() override {
    Result<std::unique_ptr<Admin>> made = clients_->admin();
    if (!made.ok()) return made;
    return std::unique_ptr<Admin>(std::make_unique<AskingAdmin>(std::move(*made), questions_));
  }

 private:
  std::unique_ptr<ClientFactory> clients_;
  const Questions& questions_;
};

}  // namespace millrace::engine
