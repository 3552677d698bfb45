#pragma once

#include <functional>
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
  std::function<Status(std::span<const TopicPartition>)> committed;
  std::function<Status(const std::string& transactional_id)> producer;
  bool answers_at_once = true;
};

class AskingAdmin final : public Admin {
 public:
  AskingAdmin(std::unique_ptr<Admin> admin, const Questions& questions)
      : admin_(std::move(admin)), questions_(questions) {}

  Result<std::vector<TopicDescription>> list_topics() override { return admin_->list_topics(); }
  Result<TopicDescription> describe_topic(const std::string& topic) override {
    return admin_->describe_topic(topic);
  }
  Status create_topics(std::span<const NewTopic> topics) override {
    return admin_->create_topics(topics);
  }
  Result<std::vector<PartitionOffset>> committed(
      std::span<const TopicPartition> partitions) override {
    if (questions_.committed) MILLRACE_RETURN_IF_ERROR(questions_.committed(partitions));
    return admin_->committed(partitions);
  }
  Result<Watermarks> watermarks(const TopicPartition& partition) override {
    if (questions_.watermarks) MILLRACE_RETURN_IF_ERROR(questions_.watermarks(partition));
    return admin_->watermarks(partition);
  }
  Result<std::vector<GroupMember>> group_members() override { return admin_->group_members(); }
  Status delete_records(std::span<const PartitionOffset> before) override {
    return admin_->delete_records(before);
  }

 private:
  std::unique_ptr<Admin> admin_;
  const Questions& questions_;
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
    return clients_->fetcher(purpose, headers);
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
