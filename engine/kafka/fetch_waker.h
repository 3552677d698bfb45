#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "millrace/core/ids.h"

#include "engine/kafka/client/handles.h"

namespace millrace::engine::kafka {

/// Keeps librdkafka's broker threads from sleeping, only needed before 2.2.0 (see
/// `has_fetch_queue_backoff`). When a prefetch limit is reached, such a version sleeps up to a
/// second although the queue is drained meanwhile; any request wakes it, so this asks for the
/// watermarks of one partition after the other, a few hundred times a second at most, and only
/// while the engine is behind.
class FetchWaker {
 public:
  /// `client` must outlive this.
  explicit FetchWaker(rd_kafka_t* client);
  /// Waits for the question that is on its way: bounded by the client's socket time-out.
  ~FetchWaker();
  FetchWaker(const FetchWaker&) = delete;
  FetchWaker& operator=(const FetchWaker&) = delete;

  void set_partitions(std::vector<TopicPartition> partitions);
  void set_active(bool active);

 private:
  void run();

  rd_kafka_t* const client_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<TopicPartition> partitions_;
  bool active_ = false;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace millrace::engine::kafka
