#include "engine/kafka/fetcher.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/container/small_vector.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "millrace/core/assert.h"

#include "engine/kafka/client/config.h"
#include "engine/kafka/client/errors.h"
#include "engine/kafka/client/library_version.h"
#include "engine/kafka/client/partitions.h"

namespace millrace::engine::kafka {
namespace {

constexpr size_t kMessagesPerCall = 1'000;
constexpr size_t kFewestPartitions = 8;  ///< a fetcher starts with room for so many
/// Of one partition in one response: large ones spare the broker half its time, but a partition may
/// go over its share by one.
constexpr int64_t kFetchResponseBytesMin = 256 * 1024;
constexpr int64_t kFetchResponseBytesMax = 1024 * 1024;
constexpr int64_t kFetchResponsesPerShare = 8;
constexpr int64_t kFetchWaitMs = 50;  ///< also how late the end of a partition is noticed
constexpr int64_t kFetchErrorBackoffMs = 100;
constexpr int64_t kFetchQueueBackoffMs = 10;
constexpr int64_t kQueuedMessagesUnlimited = 10'000'000;
/// How long a question about watermarks may hang on a frozen broker, and so the waker's end.
constexpr int64_t kSocketTimeoutMs = 10'000;
constexpr size_t kDrainCallsMax = 100;
/// A record with more headers than this costs an allocation.
constexpr size_t kUsualHeaders = 8;

/// Messages of one call; returned to librdkafka whatever happens to them.
class MessageBatch {
 public:
  MessageBatch() = default;
  MessageBatch(const MessageBatch&) = delete;
  MessageBatch& operator=(const MessageBatch&) = delete;
  ~MessageBatch() {
    for (rd_kafka_message_t* message : messages()) rd_kafka_message_destroy(message);
  }

  size_t consume(rd_kafka_queue_t* queue, size_t max) {
    MILLRACE_ASSERT(count_ == 0, "a batch is filled once");
    const ssize_t got =
        rd_kafka_consume_batch_queue(queue, 0, messages_.data(), std::min(max, messages_.size()));
    count_ = got > 0 ? static_cast<size_t>(got) : 0;
    return count_;
  }
  std::span<rd_kafka_message_t* const> messages() const { return {messages_.data(), count_}; }

 private:
  std::array<rd_kafka_message_t*, kMessagesPerCall> messages_;
  size_t count_ = 0;
};

Bytes to_bytes(const void* data, size_t size) {
  if (data == nullptr) return {};
  return {data, size};
}

/// Empties a queue of what an earlier assignment of its partition left: prefetched memory, and
/// errors, which carry no version by which librdkafka would drop them.
void drain(rd_kafka_queue_t* queue) {
  for (size_t calls = 0; calls < kDrainCallsMax; ++calls) {
    MessageBatch dropped;
    if (dropped.consume(queue, kMessagesPerCall) == 0) return;
  }
}

void copy_record(rd_kafka_message_t& message, RecordHeaders wanted, RecordBatch& batch) {
  rd_kafka_timestamp_type_t type{};
  const int64_t timestamp_ms = std::max<int64_t>(0, rd_kafka_message_timestamp(&message, &type));
  const Bytes key = to_bytes(message.key, message.key_len);
  const Bytes value = to_bytes(message.payload, message.len);
  rd_kafka_headers_t* list = nullptr;
  if (wanted == RecordHeaders::kSkip ||
      rd_kafka_message_headers(&message, &list) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    batch.add(message.offset, timestamp_ms, key, value, {});
    return;
  }
  boost::container::small_vector<Header, kUsualHeaders> headers;
  const char* name = nullptr;
  const void* data = nullptr;
  size_t size = 0;
  while (rd_kafka_header_get_all(list, headers.size(), &name, &data, &size) ==
         RD_KAFKA_RESP_ERR_NO_ERROR) {
    headers.push_back({name, to_bytes(data, size)});
  }
  batch.add(message.offset, timestamp_ms, key, value, {headers.data(), headers.size()});
}

}  // namespace

Result<std::unique_ptr<Fetcher>> KafkaFetcher::make(const KafkaOptions& options,
                                                    std::string purpose, RecordHeaders headers) {
  const int event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd < 0) {
    return Error{ErrorCode::kInternal, fmt::format("eventfd: {}", std::strerror(errno))};
  }
  std::unique_ptr<KafkaFetcher> fetcher(
      new KafkaFetcher(options, std::move(purpose), headers, event_fd));
  auto client = fetcher->make_client(kFewestPartitions);
  if (!client.ok()) return client.status();
  fetcher->use_client(std::move(client).value(), kFewestPartitions);
  return std::unique_ptr<Fetcher>(std::move(fetcher));
}

KafkaFetcher::KafkaFetcher(const KafkaOptions& options, std::string purpose, RecordHeaders headers,
                           int event_fd)
    : options_(options), purpose_(std::move(purpose)), headers_(headers), event_fd_(event_fd) {}

KafkaFetcher::~KafkaFetcher() {
  partitions_.clear();
  waker_.reset();
  client_.reset();  // before the descriptor its queues write to
  close(event_fd_);
}

Result<Client> KafkaFetcher::make_client(size_t room) const {
  const int64_t share =
      std::max(static_cast<int64_t>(options_.prefetch_bytes / room), kFetchResponseBytesMin);
  const int64_t response_bytes =
      std::clamp(share / kFetchResponsesPerShare, kFetchResponseBytesMin, kFetchResponseBytesMax);
  ClientConfig config(options_, ClientKind::kConsumer, purpose_);
  config.set("enable.partition.eof", "true");
  config.set("fetch.message.max.bytes", response_bytes);
  config.set("fetch.wait.max.ms", kFetchWaitMs);
  config.set("fetch.error.backoff.ms", kFetchErrorBackoffMs);
  config.set("queued.min.messages", kQueuedMessagesUnlimited);
  config.set("queued.max.messages.kbytes", share / 1024);
  config.set("socket.timeout.ms", kSocketTimeoutMs);
  if (has_fetch_queue_backoff()) config.set("fetch.queue.backoff.ms", kFetchQueueBackoffMs);
  return config.create();
}

void KafkaFetcher::use_client(Client client, size_t room) {
  waker_.reset();
  client_ = std::move(client);
  client_partitions_ = room;
  rd_kafka_poll_set_consumer(client_.get());
  if (has_fetch_queue_backoff()) return;
  waker_ = std::make_unique<FetchWaker>(client_.get());
  waker_->set_active(catching_up_);
}

Status KafkaFetcher::add(std::span<const PartitionOffset> partitions) {
  for (const PartitionOffset& start : partitions) {
    if (start.offset < 0 || partitions_.contains(start.partition)) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("fetch of {} from {}: {}", start.partition.to_string(), start.offset,
                               start.offset < 0 ? "not an offset" : "it is being fetched already")};
    }
  }
  const size_t total = partitions_.size() + partitions.size();
  if (total <= client_partitions_) return assign(partitions);

  const size_t room = std::bit_ceil(total);
  auto client = make_client(room);
  if (!client.ok()) return client.status();
  std::vector<PartitionOffset> wanted(partitions.begin(), partitions.end());
  for (const auto& [name, partition] : partitions_) wanted.push_back({name, partition.position});
  std::map<TopicPartition, Partition> before;
  before.swap(partitions_);
  for (auto& [name, partition] : before) partition.queue.reset();
  use_client(std::move(client).value(), room);
  MILLRACE_RETURN_IF_ERROR(assign(wanted));
  for (auto& [name, partition] : before) {
    partitions_[name].waiting = std::move(partition.waiting);
    partitions_[name].stopped = partition.stopped;
  }
  return {};
}

Status KafkaFetcher::assign(std::span<const PartitionOffset> partitions) {
  std::map<TopicPartition, Partition> added;
  for (const PartitionOffset& start : partitions) {
    const TopicPartition& name = start.partition;
    Partition& partition = added[name];
    partition.position = start.offset;
    partition.queue.reset(
        rd_kafka_queue_get_partition(client_.get(), name.topic.c_str(), name.partition));
    MILLRACE_ASSERT(partition.queue != nullptr, "a consumer has a queue for every partition");
    rd_kafka_queue_forward(partition.queue.get(), nullptr);
    drain(partition.queue.get());
    constexpr uint64_t kOne = 1;
    rd_kafka_queue_io_event_enable(partition.queue.get(), event_fd_, &kOne, sizeof kOne);
  }
  const PartitionList list = to_list(partitions);
  const KafkaError error(rd_kafka_incremental_assign(client_.get(), list.get()));
  if (error != nullptr) return make_error("assign of partitions to fetch", *error);
  partitions_.merge(added);
  tell_waker();
  return {};
}

Status KafkaFetcher::remove(std::span<const TopicPartition> partitions) {
  for (const TopicPartition& name : partitions) {
    if (!partitions_.contains(name)) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} is not being fetched", name.to_string())};
    }
  }
  const PartitionList list = to_list(partitions);
  const KafkaError error(rd_kafka_incremental_unassign(client_.get(), list.get()));
  if (error != nullptr) return make_error("unassign of partitions", *error);
  for (const TopicPartition& name : partitions) {
    const auto found = partitions_.find(name);
    rd_kafka_queue_io_event_enable(found->second.queue.get(), -1, nullptr, 0);
    drain(found->second.queue.get());
    partitions_.erase(found);
  }
  tell_waker();
  return {};
}

Result<FetchOutcome> KafkaFetcher::poll(const TopicPartition& name, size_t max_records,
                                        RecordBatch& batch) {
  const auto found = partitions_.find(name);
  if (found == partitions_.end()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is not being fetched", name.to_string())};
  }
  Partition& partition = found->second;
  FetchOutcome outcome;
  partition.maybe_more = false;
  while (partition.waiting.ok() && outcome.records < max_records) {
    MessageBatch messages;
    const size_t wanted = std::min(max_records - outcome.records, kMessagesPerCall);
    const size_t got = messages.consume(partition.queue.get(), wanted);
    for (rd_kafka_message_t* message : messages.messages()) {
      take(*message, name, partition, batch, outcome);
    }
    partition.maybe_more = got == wanted;
    if (!partition.maybe_more) break;
  }
  if (partition.waiting.ok() || outcome.records > 0) return outcome;
  return partition.stopped ? partition.waiting : std::exchange(partition.waiting, {});
}

void KafkaFetcher::take(rd_kafka_message_t& message, const TopicPartition& name,
                        Partition& partition, RecordBatch& batch, FetchOutcome& outcome) {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    if (message.offset < partition.position) return;
    copy_record(message, headers_, batch);
    partition.position = message.offset + 1;
    outcome.records++;
    outcome.end_offset.reset();
    return;
  }
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    partition.position = std::max(partition.position, message.offset);
    outcome.end_offset = partition.position;
    return;
  }
  partition.stopped = message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET;
  partition.waiting =
      make_error(fmt::format("fetch of {}@{}", name.to_string(), partition.position), message.err,
                 rd_kafka_message_errstr(&message));
}

void KafkaFetcher::wait(int64_t timeout_ms) {
  serve_client();
  bool more = false;
  for (auto& [name, partition] : partitions_) more |= std::exchange(partition.maybe_more, false);
  pollfd event{.fd = event_fd_, .events = POLLIN, .revents = 0};
  const int timeout = more ? 0 : static_cast<int>(std::clamp<int64_t>(timeout_ms, 0, 60'000));
  if (::poll(&event, 1, timeout) <= 0) return;
  uint64_t signals = 0;
  const ssize_t cleared = read(event_fd_, &signals, sizeof signals);
  static_cast<void>(cleared);  // nothing to clear is as good
}

void KafkaFetcher::wake() {
  constexpr uint64_t kOne = 1;
  const ssize_t written = write(event_fd_, &kOne, sizeof kOne);
  static_cast<void>(written);  // a full counter wakes as well
}

/// Runs the client's callbacks. Records come by the partitions' queues; what comes here is news
/// about the client as a whole, which librdkafka copes with by itself.
void KafkaFetcher::serve_client() {
  while (const Message message{rd_kafka_consumer_poll(client_.get(), 0)}) {
    spdlog::warn("kafka client={} error={}: {}", rd_kafka_name(client_.get()),
                 rd_kafka_err2name(message->err), rd_kafka_message_errstr(message.get()));
  }
}

void KafkaFetcher::set_catching_up(bool catching_up) {
  catching_up_ = catching_up;
  if (waker_ != nullptr) waker_->set_active(catching_up);
}

void KafkaFetcher::tell_waker() {
  if (waker_ == nullptr) return;
  std::vector<TopicPartition> names;
  names.reserve(partitions_.size());
  for (const auto& [name, partition] : partitions_) names.push_back(name);
  waker_->set_partitions(std::move(names));
}

}  // namespace millrace::engine::kafka
