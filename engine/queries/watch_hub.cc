#include "engine/queries/watch_hub.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <spdlog/spdlog.h>

namespace millrace::engine {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPauseAfterFailure{200};
/// Batches of one round, when there are several, wait no longer each.
constexpr std::chrono::milliseconds kWaitInTurn{20};
/// Until the poller of an instance ends that holds nothing more.
constexpr std::chrono::seconds kIdlePoller{5};
/// Bytes of a range in a question, beside its keys and the store's name.
constexpr size_t kRangeBytes = 64;
constexpr size_t kBatchBytes = kWatchQuestionBytesMax / 2;

size_t bytes_of(const WatchedRange& rows) {
  return kRangeBytes + rows.store.size() + rows.from.size() + (rows.to ? rows.to->size() : 0);
}

}  // namespace

WatchHub::~WatchHub() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  signal_->changed.notify_all();
  for (auto& [holder, poller] : pollers_) poller.thread.join();
}

std::unique_ptr<WatchHub::Watch> WatchHub::add(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  const uint64_t number = ++last_number_;
  watchers_[number].wake = std::move(wake);
  return std::make_unique<Watch>(*this, number);
}

void WatchHub::remove(uint64_t number) {
  const std::lock_guard lock(mutex_);
  watchers_.erase(number);
}

void WatchHub::set(uint64_t number, std::vector<WatchedRange> ranges) {
  {
    const std::lock_guard lock(mutex_);
    const auto watcher = watchers_.find(number);
    if (watcher == watchers_.end()) return;
    std::vector<Range>& known = watcher->second.ranges;
    const bool is_same = std::ranges::equal(ranges, known, {}, {}, &Range::rows);
    if (is_same) return;
    std::vector<Range> next;
    for (WatchedRange& rows : ranges) {
      const auto same = std::ranges::find(known, rows, &Range::rows);
      next.push_back(same == known.end() ? Range{.rows = std::move(rows)} : *same);
    }
    known = std::move(next);
    watcher->second.edition = ++edition_;
    start_pollers(directory_.view().get());
  }
  signal_->changed.notify_all();
}

void WatchHub::end() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(is_over_, true)) return;
  for (const auto& [number, watcher] : watchers_) watcher.wake();
}

bool WatchHub::is_over() const {
  const std::lock_guard lock(mutex_);
  return is_over_;
}

std::string WatchHub::holder_of(TaskId task, const PeerView* view) const {
  if (view == nullptr || !peers_.can_ask() || rings_.is_open(task)) return {};
  const auto found = view->tasks.find(task);
  if (found == view->tasks.end() || found->second.active.instance == view->self) return {};
  return found->second.active.endpoint;
}

void WatchHub::start_pollers(const PeerView* view) {
  for (auto at = pollers_.begin(); at != pollers_.end();) {
    Poller& poller = at->second;
    if (poller.has_ended) poller.thread.join();
    at = poller.has_ended ? pollers_.erase(at) : std::next(at);
  }
  const auto start = [this](const std::string& holder) {
    const auto [poller, is_new] = pollers_.try_emplace(holder);
    if (is_new) poller->second.thread = std::thread([this, holder] { poll(holder); });
  };
  start({});
  for (const auto& [number, watcher] : watchers_) {
    for (const Range& range : watcher.ranges) start(holder_of(range.rows.task, view));
  }
}

WatchHub::Batch WatchHub::next_batch(const std::string& holder, const PeerView* view,
                                     Place& begin) const {
  Batch batch;
  batch.question.origin = pollers_.at(holder).origin;
  batch.edition = edition_;
  batch.is_part = begin.watcher != 0;
  size_t bytes = 0;
  for (auto at = watchers_.lower_bound(begin.watcher); at != watchers_.end(); ++at) {
    const auto& [number, watcher] = *at;
    for (size_t i = number == begin.watcher ? begin.range : 0; i < watcher.ranges.size(); ++i) {
      const Range& range = watcher.ranges[i];
      if (holder_of(range.rows.task, view) != holder) continue;
      if (bytes > 0 && bytes + bytes_of(range.rows) > kBatchBytes) {
        begin = {number, watcher.edition, i};
        batch.is_part = true;
        return batch;
      }
      bytes += bytes_of(range.rows);
      const bool is_of_it = range.holder == holder && range.origin == batch.question.origin;
      batch.question.ranges.push_back({range.rows, is_of_it ? range.after : -1});
      batch.places.push_back({number, watcher.edition, i});
    }
  }
  begin = {};
  return batch;
}

void WatchHub::poll(const std::string& holder) {
  Place begin;
  steady_clock::time_point used = steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    const std::shared_ptr<const PeerView> view = directory_.view();
    if (holder.empty()) start_pollers(view.get());
    const Batch batch = next_batch(holder, view.get(), begin);
    const auto has_to_look = [&] { return is_stopping_ || edition_ != batch.edition; };
    if (batch.places.empty()) {
      if (!holder.empty() && steady_clock::now() - used > kIdlePoller) break;
      signal_->changed.wait_for(lock, kWait, has_to_look);
      continue;
    }
    used = steady_clock::now();
    lock.unlock();
    Result<ChangeReply> reply = ask(holder, batch);
    lock.lock();
    if (reply.ok()) {
      take(holder, batch, *reply);
    } else {
      signal_->changed.wait_for(lock, kPauseAfterFailure, [this] { return is_stopping_; });
    }
  }
  pollers_.at(holder).has_ended = true;
}

Result<ChangeReply> WatchHub::ask(const std::string& holder, const Batch& batch) {
  if (holder.empty()) return ask_here(batch);
  return peers_.watch(holder, {.changes = batch.question,
                               .wait_ms = (batch.is_part ? kWaitInTurn : kWait).count()});
}

/// Unlike a question to another instance, this one ends when somebody begins to watch other ranges.
Result<ChangeReply> WatchHub::ask_here(const Batch& batch) {
  const auto reply = std::make_shared<std::optional<ChangeReply>>();
  std::unique_lock lock(mutex_);
  const uint64_t waiting =
      rings_.when(batch.question, steady_clock::now() + (batch.is_part ? kWaitInTurn : kWait),
                  [signal = signal_, reply](ChangeReply came) {
                    const std::lock_guard guard(signal->mutex);
                    *reply = std::move(came);
                    signal->changed.notify_all();
                  });
  signal_->changed.wait(
      lock, [&] { return is_stopping_ || edition_ != batch.edition || reply->has_value(); });
  rings_.cancel(waiting);
  if (reply->has_value()) return *std::move(*reply);
  return rings_.check(batch.question);
}

void WatchHub::take(const std::string& holder, const Batch& batch, const ChangeReply& reply) {
  pollers_.at(holder).origin = reply.origin;
  std::vector<int64_t> after(batch.places.size(), reply.now);
  for (const uint32_t place : reply.absent) after[place] = -1;
  for (size_t i = 0; i < batch.places.size(); ++i) {
    const auto watcher = watchers_.find(batch.places[i].watcher);
    if (watcher == watchers_.end() || watcher->second.edition != batch.places[i].edition) continue;
    Range& range = watcher->second.ranges[batch.places[i].range];
    range.holder = holder;
    range.origin = reply.origin;
    range.after = after[i];
  }
  uint64_t woken = 0;
  for (const uint32_t place : reply.changed) {
    const uint64_t number = batch.places[place].watcher;
    if (number == woken) continue;
    woken = number;
    const auto watcher = watchers_.find(number);
    if (watcher != watchers_.end()) watcher->second.wake();
  }
}

}  // namespace millrace::engine
