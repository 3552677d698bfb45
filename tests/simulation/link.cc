#include "link.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace millrace::simulation {
namespace {

using engine::Admin;
using engine::ClientFactory;
using engine::Fetcher;
using engine::GroupMetadata;
using engine::Membership;
using engine::MembershipEvent;
using engine::PartitionOffset;
using engine::Producer;

Error leaderless(const TopicPartition& partition) {
  return {ErrorCode::kRetriable, partition.to_string() + " has no leader"};
}

/// Makes the call unless its fate is decided already.
template <class Effect>
auto pass(const LinkHooks& hooks, Call call, Effect&& effect) -> decltype(effect()) {
  Fate fate = hooks.on_call(call);
  if (fate.before) return *std::move(fate.before);
  auto result = effect();
  if (fate.after) return *std::move(fate.after);
  return result;
}

class LinkedMembership final : public Membership {
 public:
  LinkedMembership(std::unique_ptr<Membership> inner, const LinkHooks& hooks)
      : inner_(std::move(inner)), hooks_(hooks) {}

  Result<std::optional<MembershipEvent>> poll() override {
    // It only looks at what the client's thread has heard: nothing of it can be lost.
    const Fate fate = hooks_.on_call(Call::kMembership);
    if (fate.before || fate.after) return std::optional<MembershipEvent>();
    return inner_->poll();
  }
  void acknowledge_revoked() override { inner_->acknowledge_revoked(); }
  void request_rebalance() override { inner_->request_rebalance(); }
  void close() override { inner_->close(); }

 private:
  std::unique_ptr<Membership> inner_;
  const LinkHooks& hooks_;
};

class LinkedFetcher final : public Fetcher {
 public:
  LinkedFetcher(std::unique_ptr<Fetcher> inner, const LinkHooks& hooks)
      : inner_(std::move(inner)), hooks_(hooks) {}

  Status add(std::span<const PartitionOffset> partitions) override {
    return pass(hooks_, Call::kFetcher, [&] { return inner_->add(partitions); });
  }
  Status remove(std::span<const TopicPartition> partitions) override {
    return inner_->remove(partitions);
  }
  Result<engine::FetchOutcome> poll(const TopicPartition& partition, size_t max_records,
                                    engine::RecordBatch& batch) override {
    // An answer that was lost is asked for again: the position is the client's.
    const Fate fate = hooks_.on_call(Call::kFetch);
    if (fate.before) return *fate.before;
    if (fate.after) return *fate.after;
    if (!hooks_.has_leader(partition)) return leaderless(partition);
    return inner_->poll(partition, max_records, batch);
  }
  void wait(int64_t timeout_ms) override { hooks_.on_wait(timeout_ms); }
  void wake() override {}
  void set_catching_up(bool is_catching_up) override { inner_->set_catching_up(is_catching_up); }

 private:
  std::unique_ptr<Fetcher> inner_;
  const LinkHooks& hooks_;
};

class LinkedProducer final : public Producer {
 public:
  LinkedProducer(std::unique_ptr<Producer> inner, const LinkHooks& hooks, bool is_transactional)
      : inner_(std::move(inner)), hooks_(hooks), is_transactional_(is_transactional) {}

  Result<int32_t> topic_handle(const std::string& topic) override {
    Result<int32_t> handle =
        pass(hooks_, Call::kTopics, [&] { return inner_->topic_handle(topic); });
    if (handle.ok()) {
      topics_.resize(static_cast<size_t>(*handle) + 1);
      topics_.back() = topic;
    }
    return handle;
  }

  Status init_transactions() override {
    return pass(hooks_, Call::kInit, [&] { return inner_->init_transactions(); });
  }
  Status begin_transaction() override {
    offsets_.clear();
    return inner_->begin_transaction();
  }

  Status send(const engine::OutgoingRecord& record) override {
    const Fate fate = hooks_.on_call(Call::kSend);
    const TopicPartition partition{topics_.at(static_cast<size_t>(record.topic)), record.partition};
    const bool arrives = !fate.before && hooks_.has_leader(partition);
    if (!is_transactional_) {
      if (!arrives) return fate.before.value_or(leaderless(partition));
      return inner_->send(record);
    }
    if (fate.before && fate.before->code == ErrorCode::kAborted) return must_abort(*fate.before);
    if (fate.before && fate.before->code == ErrorCode::kInternal) return *fate.before;
    // The client has queued it; that it does not arrive shows at the flush.
    if (!arrives) {
      failed_ = Error{ErrorCode::kAborted, partition.to_string() + ": delivery timed out"};
      return {};
    }
    return inner_->send(record);
  }

  Status flush() override {
    return pass(hooks_, Call::kFlush, [&] {
      if (failed_) return Status(*failed_);
      return inner_->flush();
    });
  }

  Status send_offsets(std::span<const PartitionOffset> offsets,
                      const GroupMetadata& group) override {
    Status status = pass(hooks_, Call::kSendOffsets, [&]() -> Status {
      if (failed_) return Status(*failed_);
      offsets_.assign(offsets.begin(), offsets.end());
      generation_ = group.generation;
      return inner_->send_offsets(offsets, group);
    });
    if (status.ok() || status.code() == ErrorCode::kInternal) return status;
    // Whether they are part of the transaction is unknown: it must not be committed.
    if (status.code() == ErrorCode::kTimedOut || status.code() == ErrorCode::kRetriable) {
      status = Error{ErrorCode::kAborted, status.message()};
    }
    return must_abort(std::move(status));
  }

  Status commit_transaction() override {
    return pass(hooks_, Call::kCommit, [&] {
      if (failed_) return Status(*failed_);
      Status status = inner_->commit_transaction();
      if (status.ok()) hooks_.on_committed(generation_, offsets_);
      return status;
    });
  }
  Status abort_transaction() override {
    Status status = pass(hooks_, Call::kAbort, [&] { return inner_->abort_transaction(); });
    if (status.ok()) failed_.reset();
    return status;
  }
  Status commit_offsets(std::span<const PartitionOffset> offsets,
                        const GroupMetadata& group) override {
    return pass(hooks_, Call::kCommit, [&] {
      Status status = inner_->commit_offsets(offsets, group);
      if (status.ok()) hooks_.on_committed(group.generation, offsets);
      return status;
    });
  }
  int64_t delivered_end(int32_t topic, int32_t partition) override {
    return inner_->delivered_end(topic, partition);
  }

 private:
  /// A transaction that failed stays failed until its abort, whatever is asked of it.
  Status must_abort(Status status) {
    if (!failed_ && status.code() == ErrorCode::kAborted) failed_ = status.error();
    return status;
  }

  std::unique_ptr<Producer> inner_;
  const LinkHooks& hooks_;
  const bool is_transactional_;
  std::vector<std::string> topics_;
  std::optional<Error> failed_;
  std::vector<PartitionOffset> offsets_;
  int32_t generation_ = -1;
};

class LinkedAdmin final : public Admin {
 public:
  LinkedAdmin(std::unique_ptr<Admin> inner, const LinkHooks& hooks)
      : inner_(std::move(inner)), hooks_(hooks) {}

  Result<std::vector<engine::TopicDescription>> list_topics() override {
    return pass(hooks_, Call::kTopics, [&] { return inner_->list_topics(); });
  }
  Result<engine::TopicDescription> describe_topic(const std::string& topic) override {
    return pass(hooks_, Call::kTopics, [&] { return inner_->describe_topic(topic); });
  }
  Status create_topics(std::span<const NewTopic> topics) override {
    return pass(hooks_, Call::kTopics, [&] { return inner_->create_topics(topics); });
  }
  Result<std::vector<PartitionOffset>> committed(
      std::span<const TopicPartition> partitions) override {
    return pass(hooks_, Call::kCommitted, [&] { return inner_->committed(partitions); });
  }
  Result<Watermarks> watermarks(const TopicPartition& partition) override {
    return pass(hooks_, Call::kWatermarks, [&]() -> Result<Watermarks> {
      if (!hooks_.has_leader(partition)) return leaderless(partition);
      return inner_->watermarks(partition);
    });
  }
  Result<std::vector<engine::GroupMember>> group_members() override {
    return pass(hooks_, Call::kMembers, [&] {
      Result<std::vector<engine::GroupMember>> members = inner_->group_members();
      if (members.ok()) hooks_.on_members(*members);
      return members;
    });
  }
  Status delete_records(std::span<const PartitionOffset> before) override {
    return pass(hooks_, Call::kTopics, [&] { return inner_->delete_records(before); });
  }

 private:
  std::unique_ptr<Admin> inner_;
  const LinkHooks& hooks_;
};

class Link final : public ClientFactory {
 public:
  Link(ClientFactory& inner, LinkHooks hooks) : inner_(inner), hooks_(std::move(hooks)) {}

  bool answers_at_once() const override { return inner_.answers_at_once(); }
  Result<std::unique_ptr<Membership>> join(const std::vector<std::string>& topics,
                                           const std::string& spare_topic,
                                           const std::string& instance) override {
    // The client joins from a thread of its own, as soon as it can.
    const Fate fate = hooks_.on_call(Call::kJoin);
    if (fate.before && fate.before->code == ErrorCode::kInternal) return *fate.before;
    return wrapped<LinkedMembership>(inner_.join(topics, spare_topic, instance));
  }
  Result<std::unique_ptr<Fetcher>> fetcher(const std::string& purpose,
                                           engine::RecordHeaders headers) override {
    return wrapped<LinkedFetcher>(inner_.fetcher(purpose, headers));
  }
  Result<std::unique_ptr<Producer>> producer(const std::string& transactional_id,
                                             const engine::ProducerLimits& limits) override {
    return wrapped<LinkedProducer>(inner_.producer(transactional_id, limits),
                                   !transactional_id.empty());
  }
  Result<std::unique_ptr<Admin>> admin() override {
    if (std::this_thread::get_id() != thread_) {
      return Error{ErrorCode::kRetriable, "the world does the housekeeping"};
    }
    return wrapped<LinkedAdmin>(inner_.admin());
  }

 private:
  template <class Linked, class Client, class... More>
  Result<std::unique_ptr<Client>> wrapped(Result<std::unique_ptr<Client>> made, More... more) {
    if (!made.ok()) return made;
    return std::unique_ptr<Client>(std::make_unique<Linked>(std::move(*made), hooks_, more...));
  }

  ClientFactory& inner_;
  const LinkHooks hooks_;
  const std::thread::id thread_ = std::this_thread::get_id();
};

}  // namespace

std::unique_ptr<ClientFactory> make_link(ClientFactory& inner, LinkHooks hooks) {
  return std::make_unique<Link>(inner, std::move(hooks));
}

}  // namespace millrace::simulation
