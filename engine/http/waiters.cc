#include "engine/http/waiters.h"

#include <atomic>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

namespace millrace::engine {
namespace {

constexpr size_t kWaiterThreads = 16;
constexpr int kWaitingMax = 512;

}  // namespace

struct Waiters::Impl {
  std::atomic<int> waiting = 0;  ///< queued or running
  boost::asio::thread_pool threads{kWaiterThreads};
};

Waiters::Waiters() : impl_(std::make_unique<Impl>()) {}

Waiters::~Waiters() {
  stop();
}

bool Waiters::run(std::function<void()> work) {
  if (++impl_->waiting > kWaitingMax) {
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
