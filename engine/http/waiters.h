#pragma once

#include <functional>
#include <memory>

namespace millrace::engine {

/// Threads for answers that wait for other instances. The server's own threads must not: two
/// servers that ask each other with all of theirs would wait for ever. Thread-safe.
class Waiters {
 public:
  /// At most `waiting_max` run or wait to run.
  Waiters(int threads, int waiting_max);
  ~Waiters();  ///< stops
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  /// Runs `work` on one of the threads; false: too much waits already.
  bool run(std::function<void()> work);
  /// Ends after the work under way; no other work runs afterwards. Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::engine
