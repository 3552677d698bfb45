#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "millrace/core/ids.h"

namespace millrace::engine {

/// Who has which task, by the plan that an instance runs and the reports that it has read.
struct PeerView {
  struct Holder {
    std::string instance;
    std::string endpoint;  ///< "host:port"; empty: nobody can ask it

    friend bool operator==(const Holder&, const Holder&) = default;
  };
  struct Holders {
    Holder active;
    std::vector<Holder> standbys;  ///< the wanted ones first

    friend bool operator==(const Holders&, const Holders&) = default;
  };

  std::string self;
  std::map<TaskId, Holders> tasks;

  friend bool operator==(const PeerView&, const PeerView&) = default;
};

/// The latest view, from the loop's thread to those that answer queries. Thread-safe.
class PeerDirectory {
 public:
  /// Does nothing when the view is the same as the last.
  void publish(PeerView view);
  /// Null before the first plan.
  std::shared_ptr<const PeerView> view() const;
  /// A view that was published after `seen`, as soon as there is one; at `deadline` the latest.
  std::shared_ptr<const PeerView> wait_for_newer(
      const std::shared_ptr<const PeerView>& seen,
      std::chrono::steady_clock::time_point deadline) const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::shared_ptr<const PeerView> view_;
};

}  // namespace millrace::engine
