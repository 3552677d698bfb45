#include "engine/changes/change_rings.h"

#include <algorithm>
#include <iterator>

#include "engine/base/random_id.h"

namespace millrace::engine {

void ChangeRings::Ring::cut(int64_t version) {
  begin = version;
  commits.clear();
  bytes = 0;
}

bool ChangeRings::Ring::has_changed(const WatchedRange& rows, int64_t after) const {
  if (after < begin) return true;
  auto commit = std::ranges::upper_bound(commits, after, {}, &Commit::version);
  for (; commit != commits.end(); ++commit) {
    const auto key = std::ranges::lower_bound(commit->keys, rows.from);
    if (key != commit->keys.end() && (!rows.to || *key < *rows.to)) return true;
  }
  return false;
}

ChangeRings::ChangeRings(size_t ring_bytes_max)
    : ring_bytes_max_(ring_bytes_max), origin_(random_id()) {}

ChangeRings::~ChangeRings() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ChangeRings::open(TaskId task) {
  const std::lock_guard lock(mutex_);
  tasks_.try_emplace(task);
}

void ChangeRings::close(TaskId task) {
  const std::lock_guard lock(mutex_);
  tasks_.erase(task);
}

bool ChangeRings::is_open(TaskId task) const {
  const std::lock_guard lock(mutex_);
  return tasks_.contains(task);
}

void ChangeRings::list_watched(TaskId task, Changes& changes) const {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(task);
  if (found == tasks_.end()) return;
  for (const auto& [store, ring] : found->second) changes.try_emplace(store);
}

void ChangeRings::publish(TaskId task, Changes changes) {
  const std::lock_guard lock(mutex_);
  const auto found = tasks_.find(task);
  if (found == tasks_.end() || found->second.empty()) return;
  Rings& rings = found->second;
  ++version_;
  const Time idle = std::chrono::steady_clock::now() - kIdleMax;
  std::erase_if(rings, [&](const auto& entry) { return entry.second.asked < idle; });
  for (auto& [store, ring] : rings) {
    const auto changed = changes.find(store);
    if (changed == changes.end()) {
      ring.cut(version_);
      continue;
    }
    if (changed->second.empty()) continue;
    Commit commit{.version = version_, .bytes = 0, .keys = std::move(changed->second)};
    for (const std::string& key : commit.keys) commit.bytes += sizeof(key) + key.size();
    ring.bytes += commit.bytes;
    ring.commits.push_back(std::move(commit));
    while (ring.bytes > ring_bytes_max_) {
      ring.begin = ring.commits.front().version;
      ring.bytes -= ring.commits.front().bytes;
      ring.commits.pop_front();
    }
  }
}

void ChangeRings::notify() {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return;
    has_news_ = true;
  }
  changed_.notify_all();
}

ChangeReply ChangeRings::check(const ChangeQuestion& question) {
  const std::lock_guard lock(mutex_);
  return check_locked(question, std::chrono::steady_clock::now());
}

ChangeReply ChangeRings::check_locked(const ChangeQuestion& question, Time now) {
  ChangeReply reply{.origin = origin_, .now = version_, .changed = {}, .absent = {}};
  const bool is_ours = question.origin == origin_;
  for (uint32_t i = 0; i < question.ranges.size(); ++i) {
    const WatchedRange& rows = question.ranges[i].rows;
    const auto task = tasks_.find(rows.task);
    if (task == tasks_.end()) {
      reply.absent.push_back(i);
      continue;
    }
    const auto [ring, is_new] = task->second.try_emplace(rows.store);
    if (is_new) ring->second.cut(++version_);
    ring->second.asked = now;
    const int64_t after = is_ours ? question.ranges[i].after : -1;
    if (ring->second.has_changed(rows, after)) reply.changed.push_back(i);
  }
  reply.now = version_;
  return reply;
}

uint64_t ChangeRings::when(ChangeQuestion question, Time deadline, Done done) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  const uint64_t number = next_waiting_++;
  waiting_.emplace(number, Waiting{std::move(question), deadline, std::move(done)});
  has_news_ = true;
  changed_.notify_all();
  return number;
}

void ChangeRings::cancel(uint64_t waiting) {
  const std::lock_guard lock(mutex_);
  waiting_.erase(waiting);
}

ChangeRings::Time ChangeRings::next_deadline() const {
  Time next = Time::max();
  for (const auto& [number, waiting] : waiting_) next = std::min(next, waiting.deadline);
  return next;
}

void ChangeRings::run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    has_news_ = false;
    auto answered = take_answered(std::chrono::steady_clock::now());
    if (!answered.empty()) {
      lock.unlock();
      for (auto& [done, reply] : answered) done(std::move(reply));
      answered.clear();
      lock.lock();
      continue;
    }
    const auto has_to_look = [this] { return has_news_ || is_stopping_; };
    if (waiting_.empty()) {
      changed_.wait(lock, has_to_look);
    } else {
      changed_.wait_until(lock, next_deadline(), has_to_look);
    }
  }
}

std::vector<std::pair<ChangeRings::Done, ChangeReply>> ChangeRings::take_answered(Time now) {
  std::vector<std::pair<Done, ChangeReply>> answered;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    ChangeReply reply = check_locked(at->second.question, now);
    if (reply.changed.empty() && at->second.deadline > now) {
      ++at;
      continue;
    }
    answered.emplace_back(std::move(at->second.done), std::move(reply));
    at = waiting_.erase(at);
  }
  return answered;
}

}  // namespace millrace::engine
