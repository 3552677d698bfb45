#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "engine/testing/memory_broker.h"
#include "engine/testing/memory_producer.h"

namespace millrace::testing {

using engine::FetchOutcome;
using engine::GroupMetadata;
using engine::MembershipEvent;
using engine::PartitionOffset;

namespace {

Bytes view(const std::optional<std::string>& text) {
  return text ? Bytes(*text) : Bytes();
}

Error unknown_partition(const TopicPartition& partition) {
  return {ErrorCode::kConfig, fmt::format("{} does not exist", partition.to_string())};
}

Status failure(const std::optional<Fault>& fault) {
  if (!fault) return {};
  return Error{fault->code, "injected fault"};
}

}  // namespace

class MemoryMembership final : public engine::Membership {
 public:
  MemoryMembership(MemoryBroker& broker, std::vector<std::string> topics, std::string instance)
      : broker_(broker) {
    const std::lock_guard lock(broker_.mutex_);
    id_ = broker_.join(std::move(topics), std::move(instance));
  }
  ~MemoryMembership() override {
    const std::lock_guard lock(broker_.mutex_);
    broker_.leave(id_, false);
  }

  Result<std::optional<MembershipEvent>> poll() override {
    const std::lock_guard lock(broker_.mutex_);
    auto member = broker_.expelled_.find(id_);
    if (member == broker_.expelled_.end()) {
      member = broker_.members_.find(id_);
      if (member == broker_.members_.end()) return fenced();
    }
    if (member->second.events.empty()) return std::optional<MembershipEvent>();
    std::optional<MembershipEvent> event(std::move(member->second.events.front()));
    member->second.events.pop_front();
    knows_of_loss_ = event->kind == MembershipEvent::Kind::kLost;
    return event;
  }

  void acknowledge_revoked() override {
    const std::lock_guard lock(broker_.mutex_);
    if (const auto lost = broker_.expelled_.find(id_); lost != broker_.expelled_.end()) {
      if (!std::exchange(knows_of_loss_, false)) return;
      MemoryBroker::Member member = std::move(lost->second);
      broker_.expelled_.erase(lost);
      id_ = broker_.join(std::move(member.topics), std::move(member.instance));
      return;
    }
    const auto member = broker_.members_.find(id_);
    if (member == broker_.members_.end()) return;
    member->second.owes_acknowledgement = false;
    member->second.has_assignment = false;
    broker_.finish_rebalance_if_acknowledged();
  }

  void request_rebalance() override {
    const std::lock_guard lock(broker_.mutex_);
    if (!broker_.rebalancing_ && broker_.members_.contains(id_)) broker_.start_rebalance();
  }

  void close() override {
    const std::lock_guard lock(broker_.mutex_);
    is_closed_ = true;
    broker_.leave(id_, true);
  }

 private:
  /// Nothing after `close`; else another process with the same static identity took the place.
  Result<std::optional<MembershipEvent>> fenced() const {
    if (is_closed_) return std::optional<MembershipEvent>();
    return Error{ErrorCode::kFenced, "another member uses this instance id"};
  }

  MemoryBroker& broker_;
  int64_t id_ = 0;
  bool knows_of_loss_ = false;
  bool is_closed_ = false;
};

class MemoryFetcher final : public engine::Fetcher {
 public:
  explicit MemoryFetcher(MemoryBroker& broker) : broker_(broker) {}

  Status add(std::span<const PartitionOffset> partitions) override {
    const std::lock_guard lock(broker_.mutex_);
    for (const PartitionOffset& start : partitions) {
      if (broker_.find(start.partition) == nullptr) return unknown_partition(start.partition);
      if (start.offset < 0 || positions_.contains(start.partition)) {
        return Error{
            ErrorCode::kInvalidArgument,
            fmt::format("fetch of {} from {}: {}", start.partition.to_string(), start.offset,
                        start.offset < 0 ? "not an offset" : "it is fetched already")};
      }
    }
    for (const PartitionOffset& start : partitions) positions_[start.partition] = start.offset;
    return {};
  }

  Status remove(std::span<const TopicPartition> partitions) override {
    for (const TopicPartition& partition : partitions) {
      if (positions_.contains(partition)) continue;
      return Error{ErrorCode::kInvalidArgument, partition.to_string() + " is not fetched"};
    }
    for (const TopicPartition& partition : partitions) positions_.erase(partition);
    return {};
  }

  Result<FetchOutcome> poll(const TopicPartition& partition, size_t max_records,
                            engine::RecordBatch& batch) override {
    const std::lock_guard lock(broker_.mutex_);
    const auto position = positions_.find(partition);
    if (position == positions_.end()) {
      return Error{ErrorCode::kInvalidArgument, partition.to_string() + " is not assigned"};
    }
    MILLRACE_RETURN_IF_ERROR(failure(broker_.take_fault(Operation::kFetch)));
    const MemoryBroker::Log* const found = broker_.find(partition);
    if (found == nullptr) return unknown_partition(partition);
    const MemoryBroker::Log& log = *found;
    if (position->second < log.low || position->second > log.next) {
      return Error{ErrorCode::kNotFound,
                   fmt::format("{}@{} is outside of the log, which holds {} to {}",
                               partition.to_string(), position->second, log.low, log.next)};
    }
    FetchOutcome outcome;
    const int64_t end = MemoryBroker::last_stable(log);
    auto next = std::lower_bound(
        log.records.begin(), log.records.end(), position->second,
        [](const StoredRecord& record, int64_t offset) { return record.offset < offset; });
    for (; next != log.records.end() && next->offset < end; ++next) {
      const StoredRecord& record = *next;
      if (outcome.records == max_records) return outcome;
      position->second = record.offset + 1;
      if (!broker_.is_visible(record)) continue;
      copy(record, batch);
      ++outcome.records;
    }
    position->second = end;
    outcome.end_offset = end;
    return outcome;
  }

  void wait(int64_t timeout_ms) override {
    if (timeout_ms <= 0) return;
    std::unique_lock lock(broker_.mutex_);
    broker_.changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms));
  }
  void wake() override { broker_.changed_.notify_all(); }
  void set_catching_up(bool) override {}

 private:
  static void copy(const StoredRecord& record, engine::RecordBatch& batch) {
    std::vector<Header> headers;
    headers.reserve(record.headers.size());
    for (const auto& [name, value] : record.headers) headers.push_back({name, view(value)});
    batch.add(record.offset, record.timestamp_ms, view(record.key), view(record.value), headers);
  }

  MemoryBroker& broker_;
  std::map<TopicPartition, int64_t> positions_;
};

class MemoryAdmin final : public engine::Admin {
 public:
  explicit MemoryAdmin(MemoryBroker& broker) : broker_(broker) {}

  Result<std::vector<engine::TopicDescription>> list_topics() override {
    const std::lock_guard lock(broker_.mutex_);
    std::vector<engine::TopicDescription> topics;
    topics.reserve(broker_.topics_.size());
    for (const auto& [name, state] : broker_.topics_) {
      topics.push_back({name, static_cast<int32_t>(state.logs.size()), {}});
    }
    return topics;
  }

  Result<engine::TopicDescription> describe_topic(const std::string& topic) override {
    const std::lock_guard lock(broker_.mutex_);
    const auto found = broker_.topics_.find(topic);
    if (found == broker_.topics_.end()) {
      return Error{ErrorCode::kNotFound, "topic " + topic + " does not exist"};
    }
    return engine::TopicDescription{topic, static_cast<int32_t>(found->second.logs.size()),
                                    found->second.config};
  }

  Status create_topics(std::span<const NewTopic> topics) override {
    for (const NewTopic& topic : topics) {
      broker_.create_topic(topic.name, topic.partitions, topic.config);
    }
    return {};
  }

  Result<std::vector<PartitionOffset>> committed(
      std::span<const TopicPartition> partitions) override {
    const std::lock_guard lock(broker_.mutex_);
    MILLRACE_RETURN_IF_ERROR(failure(broker_.take_fault(Operation::kCommitted)));
    for (const auto& [id, transaction] : broker_.transactions_) {
      const bool is_decided = transaction.state == MemoryBroker::TransactionState::kCommitted ||
                              transaction.state == MemoryBroker::TransactionState::kAborted;
      const bool hides =
          !is_decided && std::any_of(partitions.begin(), partitions.end(),
                                     [&offsets = transaction.offsets](const auto& p) {
                                       return offsets.contains(p);
                                     });
      if (hides) return Error{ErrorCode::kRetriable, "a transaction hides the committed offsets"};
    }
    std::vector<PartitionOffset> offsets;
    for (const TopicPartition& partition : partitions) {
      const auto found = broker_.group_offsets_.find(partition);
      offsets.push_back(found == broker_.group_offsets_.end() ? PartitionOffset{partition, -1}
                                                              : found->second);
    }
    return offsets;
  }

  Result<Watermarks> watermarks(const TopicPartition& partition) override {
    const std::lock_guard lock(broker_.mutex_);
    MILLRACE_RETURN_IF_ERROR(failure(broker_.take_fault(Operation::kWatermarks)));
    const MemoryBroker::Log* const log = broker_.find(partition);
    if (log == nullptr) return unknown_partition(partition);
    return Watermarks{log->low, log->next};
  }

  Result<std::vector<engine::GroupMember>> group_members() override {
    const std::lock_guard lock(broker_.mutex_);
    if (broker_.rebalancing_) return Error{ErrorCode::kRetriable, "a generation is starting"};
    std::vector<engine::GroupMember> members;
    members.reserve(broker_.members_.size());
    for (const auto& [id, member] : broker_.members_) {
      members.push_back({member.instance, fmt::format("{}-{}", member.instance, id)});
    }
    return members;
  }

  Status delete_records(std::span<const PartitionOffset> before) override {
    const std::lock_guard lock(broker_.mutex_);
    for (const PartitionOffset& cut : before) {
      MemoryBroker::Log* const log = broker_.find(cut.partition);
      if (log == nullptr) return unknown_partition(cut.partition);
      log->low = std::max(log->low, cut.offset);
      while (!log->records.empty() && log->records.front().offset < log->low) {
        log->records.pop_front();
      }
    }
    return {};
  }

 private:
  MemoryBroker& broker_;
};

class MemoryClients final : public engine::ClientFactory {
 public:
  explicit MemoryClients(MemoryBroker& broker) : broker_(broker) {}

  bool answers_at_once() const override { return true; }

  Result<std::unique_ptr<engine::Membership>> join(const std::vector<std::string>& topics,
                                                   const std::string& /*spare_topic*/,
                                                   const std::string& instance) override {
    return std::unique_ptr<engine::Membership>(
        std::make_unique<MemoryMembership>(broker_, topics, instance));
  }
  Result<std::unique_ptr<engine::Fetcher>> fetcher(const std::string&,
                                                   engine::RecordHeaders) override {
    return std::unique_ptr<engine::Fetcher>(std::make_unique<MemoryFetcher>(broker_));
  }
  Result<std::unique_ptr<engine::Producer>> producer(
      const std::string& transactional_id, const engine::ProducerLimits& limits) override {
    return std::unique_ptr<engine::Producer>(
        std::make_unique<MemoryProducer>(broker_, transactional_id, limits));
  }
  Result<std::unique_ptr<engine::Admin>> admin() override {
    return std::unique_ptr<engine::Admin>(std::make_unique<MemoryAdmin>(broker_));
  }

 private:
  MemoryBroker& broker_;
};

std::unique_ptr<engine::ClientFactory> MemoryBroker::clients() {
  return std::make_unique<MemoryClients>(*this);
}

}  // namespace millrace::testing
