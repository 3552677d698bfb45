#include "engine/kafka/deliveries.h"

#include <utility>

#include <fmt/format.h>

#include "millrace/core/partitioner.h"

#include "engine/kafka/client/errors.h"

namespace millrace::engine::kafka {
namespace {

std::string told(const OutputTopic& topic, const rd_kafka_message_t& message) {
  const Bytes key(message.key, message.key == nullptr ? 0 : message.key_len);
  return kafka::told(topic, message.partition, key, message.key_len + message.len);
}

}  // namespace

OutputTopic::OutputTopic(std::string name, TopicHandle handle, int32_t partitions)
    : name_(std::move(name)),
      handle_(std::move(handle)),
      partitions_(partitions),
      ends_(std::make_unique<std::atomic<int64_t>[]>(static_cast<size_t>(partitions))) {
  forget();
}

void OutputTopic::delivered(int32_t partition, int64_t offset) {
  if (!has(partition)) return;
  std::atomic<int64_t>& end = ends_[static_cast<size_t>(partition)];
  int64_t known = end.load(std::memory_order_relaxed);
  while (known <= offset &&
         !end.compare_exchange_weak(known, offset + 1, std::memory_order_relaxed)) {
  }
}

int64_t OutputTopic::take_end(int32_t partition) {
  return ends_[static_cast<size_t>(partition)].exchange(-1, std::memory_order_relaxed);
}

void OutputTopic::forget() {
  is_written_.store(false, std::memory_order_relaxed);
  for (int32_t i = 0; i < partitions_; ++i) ends_[static_cast<size_t>(i)] = -1;
}

std::string told(const OutputTopic& topic, int32_t partition, Bytes key, size_t bytes) {
  const std::string hash = key.is_null()
                               ? std::string("none")
                               : fmt::format("{:08x}", static_cast<uint32_t>(murmur2(key)));
  return fmt::format("a record to {}/{} (key hash {}, {} bytes)", topic.name(), partition, hash,
                     bytes);
}

void DeliveryFailure::record(const OutputTopic& topic, const rd_kafka_message_t& message) {
  // Purged on purpose, by an abort.
  if (message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
      message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
    return;
  }
  // A broker refuses a batch as a whole.
  Error error = make_error(
      fmt::format("delivery of {}, or of another record of its batch", told(topic, message)),
      message.err);
  error.code = delivery_code(message.err);
  keep(std::move(error));
}

void DeliveryFailure::record_unknown(const OutputTopic& topic, const rd_kafka_message_t& message) {
  keep({ErrorCode::kAborted,
        fmt::format("delivery of {}: not known whether the broker has it", told(topic, message))});
}

void DeliveryFailure::keep(Error error) {
  if (failed_.exchange(true)) return;
  const std::lock_guard lock(mutex_);
  first_ = std::move(error);
}

std::optional<Error> DeliveryFailure::get() const {
  if (!failed_.load()) return std::nullopt;
  const std::lock_guard lock(mutex_);
  return first_;
}

void DeliveryFailure::clear() {
  const std::lock_guard lock(mutex_);
  first_.reset();
  failed_ = false;
}

}  // namespace millrace::engine::kafka
