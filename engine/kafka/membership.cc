#include "engine/kafka/membership.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/kafka/client/config.h"
#include "engine/kafka/client/errors.h"
#include "engine/kafka/client/group_metadata.h"
#include "engine/kafka/client/partitions.h"

namespace millrace::engine::kafka {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kPollMs = 100;
constexpr int kCommitTimeoutMs = 10'000;
constexpr milliseconds kLeaveTimeout{5'000};
/// How soon new partitions of a source topic are noticed.
constexpr int64_t kMetadataRefreshMs = 30'000;

/// Heartbeats also bring the news of a rebalance, so they come more often than liveness needs.
int64_t heartbeat_ms(int64_t session_timeout_ms) {
  return std::clamp<int64_t>(session_timeout_ms / 20, 100, 1'000);
}

}  // namespace

Result<std::unique_ptr<Membership>> KafkaMembership::make(const KafkaOptions& options,
                                                          Subscription subscription,
                                                          std::shared_ptr<GroupSlot> slot) {
  if (subscription.topics.empty()) {
    return Error{ErrorCode::kInvalidArgument, "a group is joined with at least one topic"};
  }
  ClientConfig config(options, ClientKind::kConsumer, "");
  config.set("client.id", subscription.instance);
  config.set("partition.assignment.strategy", "range");
  config.set("session.timeout.ms", options.session_timeout_ms);
  config.set("heartbeat.interval.ms", heartbeat_ms(options.session_timeout_ms));
  config.set("max.poll.interval.ms", options.barrier_timeout_ms);
  config.set("topic.metadata.refresh.interval.ms", kMetadataRefreshMs);
  if (!options.instance_id.empty()) config.set("group.instance.id", options.instance_id);
  std::unique_ptr<KafkaMembership> membership(
      new KafkaMembership(options, std::move(subscription), std::move(slot)));
  rd_kafka_conf_set_opaque(config.raw(), membership.get());
  rd_kafka_conf_set_rebalance_cb(config.raw(), on_rebalance);
  auto client = config.create();
  if (!client.ok()) return client.status();
  membership->client_ = std::move(client).value();
  rd_kafka_poll_set_consumer(membership->client_.get());

  MILLRACE_RETURN_IF_ERROR(membership->subscribe());
  membership->slot_->attach(membership.get());
  membership->thread_ = std::thread([raw = membership.get()] { raw->run(); });
  return std::unique_ptr<Membership>(std::move(membership));
}

KafkaMembership::KafkaMembership(const KafkaOptions& options, Subscription subscription,
                                 std::shared_ptr<GroupSlot> slot)
    : subscription_(std::move(subscription)),
      barrier_patience_(options.barrier_timeout_ms * 9 / 10),
      slot_(std::move(slot)) {}

KafkaMembership::~KafkaMembership() {
  close();
}

Result<std::optional<MembershipEvent>> KafkaMembership::poll() {
  const std::lock_guard lock(mutex_);
  if (!events_.empty()) {
    std::optional<MembershipEvent> event(std::move(events_.front()));
    events_.pop_front();
    return event;
  }
  if (!failed_.ok()) return failed_;
  return std::optional<MembershipEvent>();
}

void KafkaMembership::acknowledge_revoked() {
  {
    const std::lock_guard lock(mutex_);
    if (unacknowledged_ > 0) unacknowledged_--;
  }
  changed_.notify_all();
}

Status KafkaMembership::subscribe() {
  std::vector<TopicPartition> wanted;
  wanted.reserve(subscription_.topics.size() + 1);
  for (const std::string& topic : subscription_.topics) {
    wanted.push_back({topic, RD_KAFKA_PARTITION_UA});
  }
  if (with_spare_topic_) wanted.push_back({subscription_.spare_topic, RD_KAFKA_PARTITION_UA});
  const PartitionList list = to_list(std::span<const TopicPartition>(wanted));
  const auto error = rd_kafka_subscribe(client_.get(), list.get());
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return make_error("subscription", error);
}

void KafkaMembership::request_rebalance() {
  const std::lock_guard lock(mutex_);
  rebalance_asked_ = true;
}

void KafkaMembership::rebalance_if_asked() {
  {
    const std::lock_guard lock(mutex_);
    // Without an assignment a generation is starting anyway.
    if (!std::exchange(rebalance_asked_, false) || !is_assigned_) return;
  }
  with_spare_topic_ = !with_spare_topic_;
  if (const Status status = subscribe(); !status.ok()) {
    spdlog::warn("no new generation: {}", status.message());
  }
}

void KafkaMembership::close() {
  slot_->detach(this);
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    generation_ = -1;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  client_.reset();
}

Status KafkaMembership::commit(std::span<const PartitionOffset> offsets,
                               const GroupMetadata& group) {
  {
    const std::lock_guard lock(mutex_);
    if (group.generation < 0 || group.generation != generation_) {
      return Error{ErrorCode::kAborted,
                   fmt::format("commit of offsets: generation {} is over", group.generation)};
    }
  }
  const PartitionList list = to_commit_list(offsets);
  const Queue queue(rd_kafka_queue_new(client_.get()));
  auto error = rd_kafka_commit_queue(client_.get(), list.get(), queue.get(), nullptr, nullptr);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return make_error("commit of offsets", error);
  const Event event(rd_kafka_queue_poll(queue.get(), kCommitTimeoutMs));
  error = event == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event.get());
  Status status =
      error == RD_KAFKA_RESP_ERR_NO_ERROR ? Status() : make_error("commit of offsets", error);
  if (status.ok()) {
    status = first_error("commit", *rd_kafka_event_topic_partition_list(event.get()));
  }
  if (status.ok()) return status;
  ErrorCode code = status.code();
  if (code == ErrorCode::kTimedOut) code = ErrorCode::kRetriable;  // the same offsets, once more
  if (code == ErrorCode::kFenced) code = ErrorCode::kAborted;      // `poll` tells who is fenced
  return Error{code, status.message()};
}

void KafkaMembership::on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t what,
                                   rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  auto& membership = *static_cast<KafkaMembership*>(opaque);
  if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    membership.assigned(*partitions);
    const PartitionList nothing(rd_kafka_topic_partition_list_new(0));
    rd_kafka_assign(client, nothing.get());
    return;
  }
  if (what == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) membership.revoked();
  // When closing, `leave` answers: an answer now would make librdkafka join once more.
  membership.unanswered_ = membership.closing();
  if (!membership.unanswered_) rd_kafka_assign(client, nullptr);
}

void KafkaMembership::assigned(const rd_kafka_topic_partition_list_t& partitions) {
  MembershipEvent event;
  event.kind = MembershipEvent::Kind::kAssigned;
  event.group = capture_group_metadata(client_.get());
  event.partitions = to_partitions(&partitions);
  spdlog::info("group generation assigned generation={} partitions={}", event.group.generation,
               event.partitions.size());
  const std::lock_guard lock(mutex_);
  generation_ = event.group.generation;
  is_assigned_ = true;
  report(std::move(event));
}

void KafkaMembership::revoked() {
  const bool lost = rd_kafka_assignment_lost(client_.get()) != 0;
  const auto start = Clock::now();
  std::unique_lock lock(mutex_);
  if (lost) generation_ = -1;
  MembershipEvent event;
  event.kind = lost ? MembershipEvent::Kind::kLost : MembershipEvent::Kind::kRevoked;
  report(std::move(event));
  const bool handled = changed_.wait_until(lock, start + barrier_patience_,
                                           [this] { return unacknowledged_ == 0 || closing_; });
  generation_ = -1;
  is_assigned_ = false;
  rebalance_asked_ = false;  // this is one
  if (!handled) {
    MembershipEvent late;
    late.kind = MembershipEvent::Kind::kLost;
    report(std::move(late));
  }
  lock.unlock();
  const auto waited = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
  spdlog::log(handled ? spdlog::level::info : spdlog::level::err,
              "group generation {} handled={} barrier_ms={}", lost ? "lost" : "revoked", handled,
              waited.count());
}

void KafkaMembership::report(MembershipEvent event) {
  if (closing_) return;
  if (event.kind != MembershipEvent::Kind::kAssigned) unacknowledged_++;
  events_.push_back(std::move(event));
}

bool KafkaMembership::closing() {
  const std::lock_guard lock(mutex_);
  return closing_;
}

void KafkaMembership::run() {
  while (!closing()) {
    rebalance_if_asked();
    const Message message(rd_kafka_consumer_poll(client_.get(), kPollMs));
    if (message != nullptr) take_error(*message);
  }
  leave();
}

void KafkaMembership::take_error(const rd_kafka_message_t& message) {
  Error error = make_error("membership", message.err, rd_kafka_message_errstr(&message));
  const bool fatal = message.err == RD_KAFKA_RESP_ERR__FATAL;
  if (fatal) {
    std::array<char, kErrorTextBytes> text{};
    const auto cause = rd_kafka_fatal_error(client_.get(), text.data(), text.size());
    error = make_error("membership", cause, text.data());
  }
  const bool misconfigured = message.err == RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL ||
                             message.err == RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT ||
                             message.err == RD_KAFKA_RESP_ERR_INVALID_GROUP_ID;
  spdlog::warn("kafka client={} {}", rd_kafka_name(client_.get()), error.message);
  if (!fatal && !misconfigured && error.code != ErrorCode::kRefused) return;
  const std::lock_guard lock(mutex_);
  generation_ = fatal ? -1 : generation_;
  if (failed_.ok()) failed_ = std::move(error);
}

/// Leaves the group, as `rd_kafka_consumer_close` does, but within a bounded time.
void KafkaMembership::leave() {
  const Queue queue(rd_kafka_queue_new(client_.get()));
  // An error: fenced, there is nothing to leave.
  const KafkaError error(rd_kafka_consumer_close_queue(client_.get(), queue.get()));
  if (unanswered_) rd_kafka_assign(client_.get(), nullptr);
  const auto deadline = Clock::now() + kLeaveTimeout;
  while (error == nullptr && rd_kafka_consumer_closed(client_.get()) == 0 &&
         Clock::now() < deadline) {
    const Event event(rd_kafka_queue_poll(queue.get(), kPollMs));
    if (event != nullptr && rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_REBALANCE) {
      rd_kafka_assign(client_.get(), nullptr);
    }
  }
}

}  // namespace millrace::engine::kafka
