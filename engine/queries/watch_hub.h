#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/changes/change_rings.h"
#include "engine/queries/peer_client.h"
#include "engine/queries/peer_directory.h"

namespace millrace::engine {

/// Wakes those who watch ranges of rows when these may have changed, wherever their tasks run. It
/// asks the changes of this instance, and each other instance that runs a watched task by one
/// question at a time for all watchers. So it takes a thread per such instance, and none per
/// watcher. Thread-safe.
///
/// A range of which the hub has no earlier reply from the present owner counts as changed. So a
/// watcher who reads his rows after each wake misses no change, whoever owns the tasks meanwhile.
class WatchHub {
 public:
  /// How long an instance holds back its answer when nothing changed, and so the longest delay of
  /// the first change of rows that somebody begins to watch.
  static constexpr std::chrono::milliseconds kWait{500};

  /// All outlive it.
  WatchHub(ChangeRings& rings, const PeerDirectory& directory, const PeerClient& peers)
      : rings_(rings), directory_(directory), peers_(peers) {}
  ~WatchHub();
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  /// One who watches; ends with its destruction, after which nobody calls `wake` any more.
  class Watch {
   public:
    Watch(WatchHub& hub, uint64_t number) : hub_(hub), number_(number) {}
    ~Watch() { hub_.remove(number_); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    /// Watches these ranges instead of those before.
    void set(std::vector<WatchedRange> ranges) { hub_.set(number_, std::move(ranges)); }

   private:
    WatchHub& hub_;
    const uint64_t number_;
  };
  /// `wake` runs on the hub's threads, and must neither wait nor call the hub.
  std::unique_ptr<Watch> add(std::function<void()> wake);

  /// Wakes all, who then see that it is over; for good.
  void end();
  bool is_over() const;

 private:
  struct Range {
    WatchedRange rows;
    std::string holder{};  ///< whose reply `after` is from
    std::string origin{};  ///< and the holder's process
    int64_t after = -1;
  };
  struct Watcher {
    std::vector<Range> ranges;
    uint64_t edition = 0;  ///< of the ranges
    std::function<void()> wake;
  };
  /// Asks one instance; "" is this one.
  struct Poller {
    std::thread thread;
    std::string origin;  ///< of its last reply
    bool has_ended = false;
  };
  /// A range in a question.
  struct Place {
    uint64_t watcher = 0;
    uint64_t edition = 0;
    size_t range = 0;
  };
  struct Batch {
    ChangeQuestion question;
    std::vector<Place> places;
    uint64_t edition = 0;  ///< of all ranges
    bool is_part = false;  ///< of a round that did not fit into one question
  };
  /// A change here wakes a poller by it, perhaps when the hub is gone.
  struct Signal {
    std::mutex mutex;
    std::condition_variable changed;
  };

  void set(uint64_t number, std::vector<WatchedRange> ranges);
  void remove(uint64_t number);
  void poll(const std::string& holder);
  /// Starts pollers for all holders of watched ranges, and joins those that have ended.
  void start_pollers(const PeerView* view);
  std::string holder_of(TaskId task, const PeerView* view) const;
  Batch next_batch(const std::string& holder, const PeerView* view, Place& begin) const;
  Result<ChangeReply> ask(const std::string& holder, const Batch& batch);
  Result<ChangeReply> ask_here(const Batch& batch);
  void take(const std::string& holder, const Batch& batch, const ChangeReply& reply);

  ChangeRings& rings_;
  const PeerDirectory& directory_;
  const PeerClient& peers_;
  const std::shared_ptr<Signal> signal_ = std::make_shared<Signal>();
  std::mutex& mutex_ = signal_->mutex;
  std::map<uint64_t, Watcher> watchers_;
  std::map<std::string, Poller> pollers_;
  uint64_t last_number_ = 0;
  uint64_t edition_ = 0;  ///< grows with each `set`
  bool is_over_ = false;
  bool is_stopping_ = false;
};

}  // namespace millrace::engine
