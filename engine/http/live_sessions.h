#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

namespace millrace::engine {

/// A connection that a stop of its server has to end.
class LiveSession {
 public:
  virtual ~LiveSession() = default;
  /// From any thread: it ends when its present answer is sent, a stream at once.
  virtual void end() = 0;
  /// Closes the socket. REQUIRES: no thread of the server runs.
  virtual void close_now() = 0;
};

/// The connections of a server. Thread-safe.
class LiveSessions {
 public:
  /// False: the server stops, and the session has to end.
  bool add(const std::shared_ptr<LiveSession>& session);
  void remove(LiveSession* session);

  void end_all();
  /// Waits until all have gone, or the time is over.
  void wait_for_none(std::chrono::milliseconds limit);
  void close_all();

 private:
  std::map<LiveSession*, std::weak_ptr<LiveSession>> take() const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<LiveSession*, std::weak_ptr<LiveSession>> sessions_;
  bool is_ending_ = false;
};

}  // namespace millrace::engine
