#include "engine/kafka/producer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "millrace/core/assert.h"

#include "engine/kafka/client/config.h"
#include "engine/kafka/client/errors.h"
#include "engine/kafka/client/partitions.h"

namespace millrace::engine::kafka {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kTopicsMax = 4'096;
constexpr uint32_t kSendsPerPoll = 256;
constexpr milliseconds kPollInterval{100};
constexpr int kFullQueuePollMs = 10;
constexpr int64_t kLingerMs = 5;
/// Also how long the second of two commits in a row waits for the first one's markers.
constexpr int64_t kRetryBackoffMs = 5;
constexpr int64_t kQueuedMessagesMax = 1'000'000;
/// Without transactions; with them, a delivery may take as long as the transaction.
constexpr int64_t kDeliveryTimeoutMs = 120'000;
constexpr milliseconds kTopicWait{5'000};  ///< for a topic that was created just now
constexpr milliseconds kTopicRetryPause{50};
constexpr int kQuestionMinMs = 1'000;
constexpr milliseconds kGrace{1'000};
/// Of values that librdkafka accepts.
struct Range {
  int64_t min;
  int64_t max;
};
constexpr Range kMessageBytes{1'000, 1'000'000'000};
constexpr Range kBatchBytes{1, 2'147'483'647};

int64_t within(size_t value, const Range& range) {
  return std::clamp(static_cast<int64_t>(value), range.min, range.max);
}

int remaining_ms(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::max<int64_t>(left, 0));
}

Headers copy_headers(std::span<const Header> headers) {
  if (headers.empty()) return nullptr;
  Headers copy(rd_kafka_headers_new(headers.size()));
  for (const auto& [name, value] : headers) {
    rd_kafka_header_add(copy.get(), name.data(), static_cast<ssize_t>(name.size()), value.data(),
                        static_cast<ssize_t>(value.size()));
  }
  return copy;
}

/// Hands a copy of the record to librdkafka, which takes `headers` when it succeeds.
KafkaError produce(rd_kafka_t* client, OutputTopic& topic, const OutgoingRecord& record,
                   Headers& headers) {
  std::array<rd_kafka_vu_t, 8> parts{};
  size_t count = 0;
  const auto part = [&](rd_kafka_vtype_t type) -> decltype(rd_kafka_vu_t::u)& {
    parts[count].vtype = type;
    return parts[count++].u;
  };
  part(RD_KAFKA_VTYPE_RKT).rkt = topic.handle();
  part(RD_KAFKA_VTYPE_PARTITION).i32 = record.partition;
  part(RD_KAFKA_VTYPE_MSGFLAGS).i = RD_KAFKA_MSG_F_COPY;
  part(RD_KAFKA_VTYPE_KEY).mem = {const_cast<char*>(record.key.data()), record.key.size()};
  part(RD_KAFKA_VTYPE_VALUE).mem = {const_cast<char*>(record.value.data()), record.value.size()};
  part(RD_KAFKA_VTYPE_OPAQUE).ptr = &topic;
  // librdkafka reads 0 as "now"; the first millisecond of 1970 is nearer to what was meant.
  part(RD_KAFKA_VTYPE_TIMESTAMP).i64 = std::max<int64_t>(record.timestamp_ms, 1);
  if (headers != nullptr) part(RD_KAFKA_VTYPE_HEADERS).headers = headers.get();
  KafkaError error(rd_kafka_produceva(client, parts.data(), count));
  if (error == nullptr) static_cast<void>(headers.release());
  return error;
}

}  // namespace

Result<std::unique_ptr<Producer>> KafkaProducer::make(const KafkaOptions& options,
                                                      const std::string& transactional_id,
                                                      const ProducerLimits& limits,
                                                      std::shared_ptr<GroupSlot> group) {
  const bool transactional = !transactional_id.empty();
  ClientConfig config(options, ClientKind::kProducer, "output");
  config.set("enable.idempotence", "true");
  config.set("linger.ms", kLingerMs);
  config.set("retry.backoff.ms", kRetryBackoffMs);
  config.set("message.max.bytes", within(limits.record_bytes_max, kMessageBytes));
  config.set("batch.size", within(limits.batch_bytes_max, kBatchBytes));
  config.set("queue.buffering.max.messages", kQueuedMessagesMax);
  config.set("queue.buffering.max.kbytes", static_cast<int64_t>(options.send_buffer_bytes / 1024));
  if (transactional) {
    config.set("transactional.id", transactional_id);
    config.set("transaction.timeout.ms", options.transaction_timeout_ms);
    config.set("message.timeout.ms", options.transaction_timeout_ms);
  } else {
    config.set("message.timeout.ms", kDeliveryTimeoutMs);
    // See DeliveryFailure::record_unknown: there is no transaction that could be given up.
    config.set("max.in.flight.requests.per.connection", 1);
  }
  std::unique_ptr<KafkaProducer> producer(
      new KafkaProducer(options, transactional, std::move(group)));
  rd_kafka_conf_set_opaque(config.raw(), producer.get());
  rd_kafka_conf_set_dr_msg_cb(config.raw(), on_delivery);
  auto client = config.create();
  if (!client.ok()) return client.status();
  producer->client_ = std::move(client).value();
  return std::unique_ptr<Producer>(std::move(producer));
}

KafkaProducer::~KafkaProducer() {
  if (client_ == nullptr) return;
  rd_kafka_poll(client_.get(), 0);  // what is delivered already is no loss to warn of
}

KafkaProducer::KafkaProducer(const KafkaOptions& options, bool transactional,
                             std::shared_ptr<GroupSlot> group)
    : transactional_(transactional),
      transaction_timeout_ms_(options.transaction_timeout_ms),
      group_(std::move(group)),
      topics_(kTopicsMax) {}

void KafkaProducer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& topic = *static_cast<OutputTopic*>(message->_private);
  auto& producer = *static_cast<KafkaProducer*>(opaque);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    producer.failure_.record(topic, *message);
  } else if (message->offset >= 0) {
    topic.delivered(message->partition, message->offset);
  } else if (producer.transactional_) {
    producer.failure_.record_unknown(topic, *message);
  }
}

Result<int32_t> KafkaProducer::topic_handle(const std::string& name) {
  for (size_t i = 0; i < topics_count_; ++i) {
    if (topics_[i]->name() == name) return static_cast<int32_t>(i);
  }
  if (topics_count_ == kTopicsMax) {
    return Error{ErrorCode::kConfig, fmt::format("more than {} output topics", kTopicsMax)};
  }
  TopicHandle handle(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr));
  if (handle == nullptr) return make_error("topic " + name, rd_kafka_last_error());

  const auto deadline = Clock::now() + kTopicWait;
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
  bool is_answered = false;  // then a later question without an answer changes nothing
  do {
    const rd_kafka_metadata_t* raw = nullptr;
    const int timeout_ms = std::max(remaining_ms(deadline), kQuestionMinMs);
    const auto asked = rd_kafka_metadata(client_.get(), 0, handle.get(), &raw, timeout_ms);
    const TopicMetadata metadata(raw);
    if (metadata != nullptr && metadata->topic_cnt == 1) {
      const rd_kafka_metadata_topic_t& found = metadata->topics[0];
      error = found.err;
      is_answered = true;
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR && found.partition_cnt > 0) {
        topics_[topics_count_] =
            std::make_unique<OutputTopic>(name, std::move(handle), found.partition_cnt);
        return static_cast<int32_t>(topics_count_++);
      }
    } else if (!is_answered) {
      error = asked;
    }
    std::this_thread::sleep_for(kTopicRetryPause);
  } while (Clock::now() < deadline);
  Error result = make_error("topic " + name, error);
  if (result.code == ErrorCode::kTimedOut) result.code = ErrorCode::kRetriable;
  return result;
}

template <class Call>
Status KafkaProducer::call(std::string_view name, Call&& once) {
  const auto deadline = Clock::now() + milliseconds(transaction_timeout_ms_);
  while (true) {
    const KafkaError error(once(remaining_ms(deadline)));
    if (error == nullptr) return {};
    Error result = make_transaction_error(name, *error);
    if (result.code != ErrorCode::kRetriable) return explained(std::move(result));
    if (Clock::now() >= deadline) {
      result.code = ErrorCode::kTimedOut;
      return result;
    }
    std::this_thread::sleep_for(milliseconds(kRetryBackoffMs));
  }
}

Status KafkaProducer::init_transactions() {
  Status status = call("init_transactions", [this](int timeout_ms) {
    return rd_kafka_init_transactions(client_.get(), timeout_ms);
  });
  // Nothing is at stake yet: the call may simply be made again.
  if (!status.ok() && status.code() == ErrorCode::kTimedOut &&
      rd_kafka_fatal_error(client_.get(), nullptr, 0) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Error{ErrorCode::kRetriable, status.message()};
  }
  return status;
}

Status KafkaProducer::begin_transaction() {
  const KafkaError error(rd_kafka_begin_transaction(client_.get()));
  if (error != nullptr) return make_transaction_error("begin_transaction", *error);
  for (size_t i = 0; i < topics_count_; ++i) topics_[i]->forget();
  return {};
}

Status KafkaProducer::send(const OutgoingRecord& record) {
  OutputTopic& topic = *topics_[static_cast<size_t>(record.topic)];
  if (!topic.has(record.partition)) {
    return Error{ErrorCode::kRefused,
                 fmt::format("{} has no partition {}", topic.name(), record.partition)};
  }
  topic.set_written();
  Headers headers = copy_headers(record.headers);
  const Clock::time_point now = Clock::now();
  const auto deadline =
      now + milliseconds(transactional_ ? transaction_timeout_ms_ : kDeliveryTimeoutMs);
  while (true) {
    const KafkaError error = produce(client_.get(), topic, record, headers);
    if (error == nullptr) break;
    if (rd_kafka_error_code(error.get()) != RD_KAFKA_RESP_ERR__QUEUE_FULL ||
        Clock::now() >= deadline) {
      return send_failed(record, *error);
    }
    rd_kafka_poll(client_.get(), kFullQueuePollMs);
  }
  // Those who send little learn of their deliveries too.
  const bool is_overdue = now - polled_.load(std::memory_order_relaxed) > kPollInterval;
  if (is_overdue || sends_.fetch_add(1, std::memory_order_relaxed) % kSendsPerPoll == 0) {
    const std::unique_lock lock(poll_mutex_, std::try_to_lock);
    if (lock.owns_lock()) {
      rd_kafka_poll(client_.get(), 0);
      polled_.store(now, std::memory_order_relaxed);
    }
  }
  return {};
}

Status KafkaProducer::send_failed(const OutgoingRecord& record, const rd_kafka_error_t& error) {
  const OutputTopic& topic = *topics_[static_cast<size_t>(record.topic)];
  const rd_kafka_resp_err_t code = rd_kafka_error_code(&error);
  Error result =
      make_error(fmt::format("send of {}", told(topic, record.partition, record.key,
                                                record.key.size() + record.value.size())),
                 code, rd_kafka_error_string(&error));
  if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
    result.code = ErrorCode::kRefused;
  }
  if (result.code == ErrorCode::kRefused) return result;
  // librdkafka takes no records once the transaction has failed; the first failure says why.
  if (std::optional<Error> failure = failure_.get()) return *std::move(failure);
  const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client_.get(), nullptr, 0);
  if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR) {
    result.code = code_of(fatal) == ErrorCode::kFenced ? ErrorCode::kFenced : ErrorCode::kTimedOut;
  } else {
    result.code = ErrorCode::kAborted;
    if (transactional_ && code == RD_KAFKA_RESP_ERR__STATE) {
      if (std::optional<Error> cause = transaction_failure()) return *std::move(cause);
    }
  }
  return result;
}

std::optional<Error> KafkaProducer::transaction_failure() {
  const std::lock_guard lock(cause_mutex_);
  // No transaction can begin while one is open; if that one has failed, the refusal says why.
  const KafkaError refusal(rd_kafka_begin_transaction(client_.get()));
  if (refusal == nullptr || rd_kafka_error_txn_requires_abort(refusal.get()) == 0) {
    return std::nullopt;
  }
  return explained(make_transaction_error("the transaction failed", *refusal));
}

Error KafkaProducer::explained(Error error) const {
  const bool is_refused = error.code == ErrorCode::kRefused;
  if (!is_refused && error.code != ErrorCode::kAborted) return error;
  // The record that broke the transaction says more than the transaction does.
  if (std::optional<Error> failure = failure_.get()) return *std::move(failure);
  if (!is_refused) return error;
  std::vector<std::string_view> written;
  for (size_t i = 0; i < topics_count_; ++i) {
    if (topics_[i]->is_written()) written.push_back(topics_[i]->name());
  }
  error.message += fmt::format(
      ". This user needs the rights Write and Describe on the topics that the transaction writes "
      "('{}') and Read on the group",
      fmt::join(written, "', '"));
  return error;
}

Status KafkaProducer::flush() {
  const milliseconds most =
      milliseconds(transactional_ ? transaction_timeout_ms_ : kDeliveryTimeoutMs) + kGrace;
  const rd_kafka_resp_err_t error = rd_kafka_flush(client_.get(), static_cast<int>(most.count()));
  if (std::optional<Error> failure = failure_.get()) {
    if (!transactional_) failure_.clear();  // told; in a transaction it stays until the abort
    return *std::move(failure);
  }
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return make_error("flush", error);
  return {};
}

Status KafkaProducer::send_offsets(std::span<const PartitionOffset> offsets,
                                   const GroupMetadata& group) {
  rd_kafka_consumer_group_metadata_t* raw = nullptr;
  const KafkaError unreadable(
      rd_kafka_consumer_group_metadata_read(&raw, group.encoded.data(), group.encoded.size()));
  const GroupMetadataHandle metadata(raw);
  if (unreadable != nullptr) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("group metadata: {}", rd_kafka_error_string(unreadable.get()))};
  }
  const PartitionList list = to_commit_list(offsets);
  Status status = call("send_offsets", [&](int timeout_ms) {
    return rd_kafka_send_offsets_to_transaction(client_.get(), list.get(), metadata.get(),
                                                timeout_ms);
  });
  // Offsets that may or may not be in the transaction: it must not be committed.
  if (!status.ok() && status.code() == ErrorCode::kTimedOut &&
      rd_kafka_fatal_error(client_.get(), nullptr, 0) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Error{ErrorCode::kAborted, status.message()};
  }
  return status;
}

Status KafkaProducer::commit_transaction() {
  MILLRACE_RETURN_IF_ERROR(flush());
  return call("commit_transaction", [this](int timeout_ms) {
    return rd_kafka_commit_transaction(client_.get(), timeout_ms);
  });
}

Status KafkaProducer::abort_transaction() {
  Status status = call("abort_transaction", [this](int timeout_ms) {
    return rd_kafka_abort_transaction(client_.get(), timeout_ms);
  });
  if (status.ok()) failure_.clear();
  return status;
}

Status KafkaProducer::commit_offsets(std::span<const PartitionOffset> offsets,
                                     const GroupMetadata& group) {
  return group_->commit(offsets, group);
}

int64_t KafkaProducer::delivered_end(int32_t topic, int32_t partition) {
  OutputTopic& output = *topics_[static_cast<size_t>(topic)];
  MILLRACE_ASSERT(output.has(partition), "the end of a partition that the topic has");
  return output.take_end(partition);
}

}  // namespace millrace::engine::kafka
