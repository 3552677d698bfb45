#include "engine/http/waiters.h"

#include <atomic>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

namespace millrace::engine {

struct Waiters::Impl {
  Impl(size_t thread_count, int most) : waiting_max(most), threads(thread_count) {}

  const int waiting_max;
  std::atomic<int> waiting = 0;  ///< queued or running
  boost::asio::thread_pool threads;
};

Waiters::Waiters(int threads, int waiting_max)
    : impl_(std::make_unique<Impl>(static_cast<size_t>(threads), waiting_max)) {}

Waiters::~Waiters() {
  stop();
}

bool Waiters::run(std::function<void()> work) {
  if (++impl_->waiting > impl_->waiting_max) {
    --impl_->waiting;
    return false;
  }
  boost::asio::post(impl_->threads, [impl = impl_.get(), work = std::move(work)] {
    work();
    --impl->waiting;
  });
  return true;
}

void Waiters::stop() {
  impl_->threads.stop();
  impl_->threads.join();
}

}  // namespace millrace::engine
