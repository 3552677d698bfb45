#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "millrace/core/result.h"

#include "engine/kafka/handles.h"

namespace millrace::engine::kafka {

/// A topic that the producer sends to, and how far each partition was delivered.
class OutputTopic {
 public:
  OutputTopic(std::string name, TopicHandle handle, int32_t partitions);

  const std::string& name() const { return name_; }
  rd_kafka_topic_t* handle() const { return handle_.get(); }
  bool has(int32_t partition) const { return partition >= 0 && partition < partitions_; }

  /// From any thread. Offsets that librdkafka doesn't know (a repeated batch that the broker
  /// already had) leave the end where it is, which is never too far.
  void delivered(int32_t partition, int64_t offset);
  /// Offset after the last delivered record since the previous call or `forget`; −1: none.
  int64_t take_end(int32_t partition);
  void forget();

 private:
  const std::string name_;
  const TopicHandle handle_;
  const int32_t partitions_;
  const std::unique_ptr<std::atomic<int64_t>[]> ends_;
};

/// The first delivery that failed since the last `clear`. From any thread.
class DeliveryFailure {
 public:
  void record(const OutputTopic& topic, const rd_kafka_message_t& message);
  std::optional<Error> get() const;
  void clear();

 private:
  std::atomic<bool> failed_ = false;
  mutable std::mutex mutex_;
  std::optional<Error> first_;
};

}  // namespace millrace::engine::kafka
