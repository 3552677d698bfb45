#include "engine/http/live_sessions.h"

namespace millrace::engine {

bool LiveSessions::add(const std::shared_ptr<LiveSession>& session) {
  const std::lock_guard lock(mutex_);
  sessions_.emplace(session.get(), session);
  return !is_ending_;
}

void LiveSessions::remove(LiveSession* session) {
  {
    const std::lock_guard lock(mutex_);
    sessions_.erase(session);
  }
  changed_.notify_all();
}

std::map<LiveSession*, std::weak_ptr<LiveSession>> LiveSessions::take() const {
  const std::lock_guard lock(mutex_);
  return sessions_;
}

void LiveSessions::end_all() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  // Without the lock: the last reference to a session may be the one here.
  for (const auto& [address, session] : take()) {
    if (const auto live = session.lock()) live->end();
  }
}

void LiveSessions::wait_for_none(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [this] { return sessions_.empty(); });
}

void LiveSessions::close_all() {
  for (const auto& [address, session] : take()) {
    if (const auto live = session.lock()) live->close_now();
  }
}

}  // namespace millrace::engine
