#include "tests/support/stepped_env.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace millrace {
namespace {

/// Nothing in a run that gets on takes so long. Where somebody waits for a compaction that waits
/// for `finish_all`, this ends it: RocksDB recovers from a full disk on a thread of its own, which
/// waits for every scheduled job, and closing the database waits for that thread.
constexpr std::chrono::seconds kStandstill{3};

}  // namespace

SteppedEnv::~SteppedEnv() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SteppedEnv::Schedule(void (*work)(void*), void* argument, Priority priority, void* tag,
                          void (*unschedule)(void*)) {
  {
    const std::lock_guard lock(mutex_);
    queue_of(priority).push_back({work, argument, tag, unschedule});
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  changed_.notify_all();
}

int SteppedEnv::UnSchedule(void* tag, Priority priority) {
  Jobs taken;
  {
    const std::lock_guard lock(mutex_);
    Jobs& jobs = queue_of(priority);
    const auto kept = std::stable_partition(jobs.begin(), jobs.end(),
                                            [&](const Job& job) { return job.tag != tag; });
    taken.assign(kept, jobs.end());
    jobs.erase(kept, jobs.end());
    may_compact_ = std::min(may_compact_, compactions_.size());
  }
  changed_.notify_all();
  for (const Job& job : taken) {
    if (job.unschedule != nullptr) job.unschedule(job.argument);
  }
  return static_cast<int>(taken.size());
}

void SteppedEnv::finish_flushes() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return flushes_.empty() && !is_busy_; });
}

void SteppedEnv::finish_all() {
  std::unique_lock lock(mutex_);
  // One that fails is wanted again at once.
  may_compact_ = compactions_.size();
  changed_.notify_all();
  changed_.wait(lock, [this] { return flushes_.empty() && may_compact_ == 0 && !is_busy_; });
}

void SteppedEnv::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool has_work = changed_.wait_for(lock, kStandstill, [this] {
      return is_stopping_ || !flushes_.empty() || may_compact_ > 0;
    });
    if (is_stopping_) return;
    if (!has_work) may_compact_ = std::min<size_t>(1, compactions_.size());
    if (flushes_.empty() && may_compact_ == 0) continue;
    Jobs& jobs = flushes_.empty() ? compactions_ : flushes_;
    if (flushes_.empty()) --may_compact_;
    const Job job = jobs.front();
    jobs.pop_front();
    is_busy_ = true;
    lock.unlock();
    job.work(job.argument);
    lock.lock();
    is_busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace millrace
