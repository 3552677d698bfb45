#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/clients/clients.h"

namespace millrace::engine {

/// Changes to the group that clients see, made by a test.
struct Bends {
  int assignments_of_nothing = 0;  ///< so many come without a generation
  bool loses_place = false;        ///< the next event is a kLost that nobody asked for
  bool holds_events = false;       ///< what happens to the group is not known yet
  bool holds_assignments = false;  ///< an assignment comes once this ends
  Status membership;               ///< an error: what `Membership::poll` answers
  /// Instead of `Admin::group_members`, from whatever thread asks; it may ask the admin it is
  /// given.
  std::function<Result<std::vector<GroupMember>>(Admin&)> members;
  /// An error, or late: before `Admin::watermarks` and `Admin::describe_topic` answer.
  std::function<Status(const TopicPartition&)> watermarks;
  std::function<Status(const std::string& topic)> description;
  bool answers_at_once = true;
  std::vector<std::string> subscription;  ///< instead of that which is asked for; empty: that one
};

class BentMembership final : public Membership {
 public:
  BentMembership(std::unique_ptr<Membership> membership, Bends& bends)
      : membership_(std::move(membership)), bends_(bends) {}

  Result<std::optional<MembershipEvent>> poll() override {
    MILLRACE_RETURN_IF_ERROR(bends_.membership);
    if (std::exchange(bends_.loses_place, false)) {
      return std::optional<MembershipEvent>({MembershipEvent::Kind::kLost, {}, {}});
    }
    if (bends_.holds_events) return std::optional<MembershipEvent>();
    if (held_ && !bends_.holds_assignments) return std::exchange(held_, std::nullopt);
    auto event = membership_->poll();
    if (!event.ok() || !event->has_value()) return event;
    if ((*event)->kind != MembershipEvent::Kind::kAssigned) return event;
    if (bends_.holds_assignments) {
      held_ = **std::move(event);
      return std::optional<MembershipEvent>();
    }
    if (bends_.assignments_of_nothing > 0) {
      --bends_.assignments_of_nothing;
      (*event)->group = {};
    }
    return event;
  }
  void acknowledge_revoked() override { membership_->acknowledge_revoked(); }
  void request_rebalance() override { membership_->request_rebalance(); }
  void close() override { membership_->close(); }

 private:
  std::unique_ptr<Membership> membership_;
  Bends& bends_;
  std::optional<MembershipEvent> held_;
};

class BentAdmin final : public Admin {
 public:
  BentAdmin(std::unique_ptr<Admin> admin, Bends& bends) : admin_(std::move(admin)), bends_(bends) {}

  Result<std::vector<TopicDescription>> list_topics() override { return admin_->list_topics(); }
  Result<TopicDescription> describe_topic(const std::string& topic) override {
    if (bends_.description) MILLRACE_RETURN_IF_ERROR(bends_.description(topic));
    return admin_->describe_topic(topic);
  }
  Status create_topics(std::span<const NewTopic> topics) override {
    return admin_->create_topics(topics);
  }
  Result<std::vector<PartitionOffset>> committed(
      std::span<const TopicPartition> partitions) override {
    return admin_->committed(partitions);
  }
  Result<Watermarks> watermarks(const TopicPartition& partition) override {
    if (bends_.watermarks) MILLRACE_RETURN_IF_ERROR(bends_.watermarks(partition));
    return admin_->watermarks(partition);
  }
  Result<std::vector<GroupMember>> group_members() override {
    return bends_.members ? bends_.members(*admin_) : admin_->group_members();
  }
  Status delete_records(std::span<const PartitionOffset> before) override {
    return admin_->delete_records(before);
  }

 private:
  std::unique_ptr<Admin> admin_;
  Bends& bends_;
};

/// `bends` outlives this and what it makes.
class BentClients final : public ClientFactory {
 public:
  BentClients(std::unique_ptr<ClientFactory> clients, Bends& bends)
      : clients_(std::move(clients)), bends_(bends) {}

  bool answers_at_once() const override { return bends_.answers_at_once; }
  Result<std::unique_ptr<Membership>> join(const std::vector<std::string>& topics,
                                           const std::string& spare_topic,
                                           const std::string& instance) override {
    const bool is_bent = !bends_.subscription.empty();
    auto joined = clients_->join(is_bent ? bends_.subscription : topics, spare_topic, instance);
    if (!joined.ok()) return joined;
    return std::unique_ptr<Membership>(
        std::make_unique<BentMembership>(std::move(*joined), bends_));
  }
  Result<std::unique_ptr<Fetcher>> fetcher(const std::string& purpose,
                                           RecordHeaders headers) override {
    return clients_->fetcher(purpose, headers);
  }
  using ClientFactory::producer;
  Result<std::unique_ptr<Producer>> producer(const std::string& transactional_id,
                                             const ProducerLimits& limits) override {
    return clients_->producer(transactional_id, limits);
  }
  Result<std::unique_ptr<Admin>> admin() override {
    auto made = clients_->admin();
    if (!made.ok()) return made;
    return std::unique_ptr<Admin>(std::make_unique<BentAdmin>(std::move(*made), bends_));
  }

 private:
  std::unique_ptr<ClientFactory> clients_;
  Bends& bends_;
};

}  // namespace millrace::engine
