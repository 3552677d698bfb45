#include "engine/queries/peer_directory.h"

#include <utility>

namespace millrace::engine {

void PeerDirectory::publish(PeerView view) {
  {
    const std::lock_guard lock(mutex_);
    if (view_ != nullptr && *view_ == view) return;
    view_ = std::make_shared<const PeerView>(std::move(view));
  }
  changed_.notify_all();
}

std::shared_ptr<const PeerView> PeerDirectory::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

std::shared_ptr<const PeerView> PeerDirectory::wait_for_newer(
    const std::shared_ptr<const PeerView>& seen,
    std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [&] { return view_ != seen; });
  return view_;
}

}  // namespace millrace::engine
