#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "engine/kafka/client/handles.h"

namespace millrace::engine::kafka {

/// A topic that the producer sends to, and how far each partition was delivered.
class OutputTopic {
 public:
  OutputTopic(std::string name, TopicHandle handle, int32_t partitions);

  const std::string& name() const { return name_; }
  rd_kafka_topic_t* handle() const { return handle_.get(); }
  bool has(int32_t partition) const { return partition >= 0 && partition < partitions_; }

  /// From any thread.
  void delivered(int32_t partition, int64_t offset);
  /// Offset after the last delivered record since the previous call or `forget`; −1: none.
  int64_t take_end(int32_t partition);
  void forget();

  /// Whether a record was sent since the last `forget`. From any thread.
  bool is_written() const { return is_written_.load(std::memory_order_relaxed); }
  void set_written() {
    if (!is_written()) is_written_.store(true, std::memory_order_relaxed);
  }

 private:
  const std::string name_;
  const TopicHandle handle_;
  const int32_t partitions_;
  std::atomic<bool> is_written_ = false;
  const std::unique_ptr<std::atomic<int64_t>[]> ends_;
};

/// A record as errors name it: with a hash of its key (the partitioner's, in hexadecimal), for keys
/// are personal data.
std::string told(const OutputTopic& topic, int32_t partition, Bytes key, size_t bytes);

/// The first delivery that failed since the last `clear`. From any thread.
class DeliveryFailure {
 public:
  void record(const OutputTopic& topic, const rd_kafka_message_t& message);
  /// Of a delivery without an offset: librdkafka infers it from a later batch that got through,
  /// since a broker that knows the producer refuses a gap. But a broker forgets a producer when
  /// the newest *timestamp* among its records is a day old (`producer.id.expiration.ms`), which
  /// timestamps of events always are when a history is read; then it takes the later batch, and
  /// this one, refused or lost at that moment, is nowhere.
  void record_unknown(const OutputTopic& topic, const rd_kafka_message_t& message);
  std::optional<Error> get() const;
  void clear();

 private:
  void keep(Error error);

  std::atomic<bool> failed_ = false;
  mutable std::mutex mutex_;
  std::optional<Error> first_;
};

}  // namespace millrace::engine::kafka
