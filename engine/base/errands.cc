#include "engine/base/errands.h"

namespace millrace::engine {

Errands::Errands(size_t threads) {
  threads_.reserve(threads);
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Errands::~Errands() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

void Errands::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
}

void Errands::run(std::function<void()> errand) {
  if (threads_.empty()) return errand();
  {
    const std::lock_guard lock(mutex_);
    errands_.push_back(std::move(errand));
  }
  changed_.notify_one();
}

void Errands::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_stopping_ || !errands_.empty(); });
    if (is_stopping_) return;
    const std::function<void()> errand = std::move(errands_.front());
    errands_.pop_front();
    lock.unlock();
    errand();
    lock.lock();
  }
}

}  // namespace millrace::engine
