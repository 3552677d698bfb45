#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace millrace::engine {

/// The answer of an errand, which may still be under way. The asker polls it; dropping it cancels
/// the question.
template <class Answer>
class Pending {
 public:
  bool is_there() const { return is_there_.load(std::memory_order_acquire); }
  /// REQUIRES: `is_there()`.
  const Answer& answer() const { return *answer_; }

 private:
  friend class Errands;
  std::optional<Answer> answer_;  ///< written before `is_there_`
  std::atomic<bool> is_there_ = false;
};

/// Runs work that waits for others, such as questions to brokers, on a few threads of its own.
/// Begins it in the order given. Thread-safe.
class Errands {
 public:
  /// 0 threads: each errand runs at once, on the caller's thread.
  explicit Errands(size_t threads);
  /// Drops errands that have not begun, and waits for the others.
  ~Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  /// Begins no further errand, as the end does, but without waiting for those under way.
  void stop();
  /// Whether this is about to end and waits for the errands under way: those of several questions
  /// ask no further one. From any thread.
  bool is_stopping() const { return is_stopping_; }

  /// Starts to compute an answer; calls `on_answer` from the errand's thread once it is there.
  /// Neither function may throw. Skips the errand if nobody holds its result any more when its turn
  /// comes.
  template <class Work>
  auto ask(Work work, std::function<void()> on_answer)
      -> std::shared_ptr<const Pending<decltype(work())>> {
    auto pending = std::make_shared<Pending<decltype(work())>>();
    run([work = std::move(work), on_answer = std::move(on_answer),
         wanted = std::weak_ptr(pending)]() mutable {
      const auto held = wanted.lock();
      if (held == nullptr) return;
      held->answer_ = work();
      held->is_there_.store(true, std::memory_order_release);
      on_answer();
    });
    return pending;
  }

 private:
  void run(std::function<void()> errand);
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> errands_;
  std::atomic<bool> is_stopping_ = false;  ///< written under the lock
  std::vector<std::thread> threads_;       ///< last: they use the rest
};

}  // namespace millrace::engine
