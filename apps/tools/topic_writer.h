#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"

namespace millrace::apps {

/// Writes records to one existing topic, outside of any transaction.
class TopicWriter {
 public:
  /// Errors: those of `Admin::describe_topic` and of `Producer::topic_handle`.
  static Result<TopicWriter> open(const std::string& topic, engine::ClientFactory& clients);

  int32_t partitions() const { return partitions_; }
  /// Sets the topic of `record` and sends it. Errors: those of `Producer::send`.
  Status send(engine::OutgoingRecord record);
  /// Waits until all records are delivered. Errors: those of `Producer::flush`.
  Status flush() { return producer_->flush(); }

 private:
  TopicWriter(std::unique_ptr<engine::Producer> producer, int32_t topic, int32_t partitions)
      : producer_(std::move(producer)), topic_(topic), partitions_(partitions) {}

  std::unique_ptr<engine::Producer> producer_;
  int32_t topic_;
  int32_t partitions_;
};

}  // namespace millrace::apps
