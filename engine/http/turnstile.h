#pragma once

#include <algorithm>
#include <atomic>
#include <memory>

namespace millrace::engine {

/// Lets so many in at a time. Thread-safe; places may outlive it.
class Turnstile {
 public:
  explicit Turnstile(int places_max) : places_max_(places_max) {}

  /// A place, given back with its last copy; null: all are taken.
  std::shared_ptr<void> enter() const {
    const std::shared_ptr<std::atomic<int>> taken = taken_;
    if (taken->fetch_add(1) < places_max_) {
      return {taken.get(), [taken](std::atomic<int>* count) { count->fetch_sub(1); }};
    }
    taken->fetch_sub(1);
    return nullptr;
  }
  /// How many are in.
  int taken() const { return std::min(taken_->load(), places_max_); }

 private:
  const int places_max_;
  const std::shared_ptr<std::atomic<int>> taken_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace millrace::engine
