#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "millrace/engine/run_main.h"

namespace millrace::engine {

/// Turns SIGTERM and SIGINT into an orderly stop, on a thread of its own, so that no code of ours
/// runs inside a signal handler. The first signal calls the stop function; a second one, or an
/// orderly stop that takes longer than allowed, ends the process at once.
///
/// Make it before any other thread, since it blocks the signals for threads that come later.
class SignalThread {
 public:
  explicit SignalThread(int64_t stop_timeout_ms);
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

  bool stop_requested() const { return stop_requested_; }
  /// Replaces what the first signal calls; called at once if that signal has come. Empty: nothing.
  void on_stop(std::function<void()> stop);
  /// The engine has failed, or has stopped in order: all that is left is to end. From now on ends
  /// the process by force, with this code, when that takes longer than allowed: questions to
  /// brokers that are away may be under way, and the supervisor of the process waits for the end.
  void limit_end(ExitCode code);

 private:
  void run();
  void request_stop();

  const int64_t stop_timeout_ms_;
  std::atomic<ExitCode> end_code_ = ExitCode::kTooSlow;
  std::atomic<bool> is_ending_ = false;
  std::atomic<bool> stop_requested_ = false;
  std::atomic<bool> done_ = false;
  std::mutex mutex_;
  std::function<void()> stop_;
  std::thread thread_;
};

}  // namespace millrace::engine
