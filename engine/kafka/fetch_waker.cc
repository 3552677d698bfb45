#include "engine/kafka/fetch_waker.h"

#include <chrono>
#include <utility>

namespace millrace::engine::kafka {
namespace {

constexpr std::chrono::milliseconds kPeriod{10};
constexpr int kQueryTimeoutMs = 1'000;

}  // namespace

FetchWaker::FetchWaker(rd_kafka_t* client) : client_(client), thread_([this] { run(); }) {}

FetchWaker::~FetchWaker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void FetchWaker::set_partitions(std::vector<TopicPartition> partitions) {
  {
    const std::lock_guard lock(mutex_);
    partitions_ = std::move(partitions);
  }
  changed_.notify_one();
}

void FetchWaker::set_active(bool active) {
  {
    const std::lock_guard lock(mutex_);
    if (active_ == active) return;
    active_ = active;
  }
  changed_.notify_one();
}

void FetchWaker::run() {
  size_t next = 0;
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (!active_ || partitions_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const TopicPartition asked = partitions_[next++ % partitions_.size()];
    lock.unlock();
    int64_t low = 0;
    int64_t high = 0;
    rd_kafka_query_watermark_offsets(client_, asked.topic.c_str(), asked.partition, &low, &high,
                                     kQueryTimeoutMs);
    lock.lock();
    changed_.wait_for(lock, kPeriod, [this] { return stop_; });
  }
}

}  // namespace millrace::engine::kafka
