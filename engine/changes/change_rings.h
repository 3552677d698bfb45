#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "millrace/core/ids.h"

namespace millrace::engine {

/// Rows of one task: the keys in [from, to) of a store.
struct WatchedRange {
  TaskId task;
  std::string store;
  std::string from;
  std::optional<std::string> to;  ///< null: open

  friend bool operator==(const WatchedRange&, const WatchedRange&) = default;
};

/// Asks which of these ranges changed after a moment.
struct ChangeQuestion {
  struct Range {
    WatchedRange rows;
    int64_t after = -1;  ///< `ChangeReply::now` of an earlier reply of `origin`; −1: none
  };
  std::string origin;  ///< `ChangeReply::origin` of the replies that `after` comes from
  std::vector<Range> ranges;
};

/// By the place of the range in the question.
struct ChangeReply {
  std::string origin;             ///< the process that answers
  int64_t now = 0;                ///< the reply is about all changes up to here
  std::vector<uint32_t> changed;  ///< or perhaps: nobody knows all changes since
  std::vector<uint32_t> absent;   ///< their tasks do not run here
};

/// The keys that commits changed, per watched store of a running task. Thread-safe; it calls nobody
/// with a lock held.
class ChangeRings {
 public:
  static constexpr size_t kRingBytes = 1 << 20;
  static constexpr std::chrono::seconds kIdleMax{30};

  /// `ring_bytes_max`: of keys of one ring; a ring that grows beyond forgets its oldest commits.
  explicit ChangeRings(size_t ring_bytes_max = kRingBytes);
  ~ChangeRings();  ///< drops the questions that wait
  ChangeRings(const ChangeRings&) = delete;
  ChangeRings& operator=(const ChangeRings&) = delete;

  /// The task's state is complete, and only its commits change it from now on.
  void open(TaskId task);
  /// Others may change the task's state from now on.
  void close(TaskId task);
  bool is_open(TaskId task) const;

  /// By store, the keys that a commit changed, in order.
  using Changes = std::map<std::string, std::vector<std::string>, std::less<>>;
  /// Adds an empty list to `changes` for each store of the task that somebody watches.
  void list_watched(TaskId task, Changes& changes) const;
  /// Takes the changes of a commit, once readers see it. Stores that `changes` does not name may
  /// have changed anywhere.
  void publish(TaskId task, Changes changes);
  /// Answers questions that wait, once the positions of the published commits can be seen.
  void notify();

  /// Answers at once.
  ChangeReply check(const ChangeQuestion& question);
  using Done = std::function<void(ChangeReply)>;
  /// Calls `done` once, from any thread: when one of the ranges changed, at the latest at
  /// `deadline`. Returns a number for `cancel`.
  uint64_t when(ChangeQuestion question, std::chrono::steady_clock::time_point deadline, Done done);
  /// Drops the question, unless it is being answered.
  void cancel(uint64_t waiting);

 private:
  using Time = std::chrono::steady_clock::time_point;

  struct Commit {
    int64_t version = 0;
    size_t bytes = 0;
    std::vector<std::string> keys;  ///< in order
  };
  struct Ring {
    int64_t begin = 0;  ///< it has all changes after this version
    std::deque<Commit> commits;
    size_t bytes = 0;
    Time asked;

    void cut(int64_t version);
    bool has_changed(const WatchedRange& rows, int64_t after) const;
  };
  using Rings = std::map<std::string, Ring, std::less<>>;
  struct Waiting {
    ChangeQuestion question;
    Time deadline;
    Done done;
  };

  ChangeReply check_locked(const ChangeQuestion& question, Time now);
  void run();
  /// Takes those that have an answer or whose time is over.
  std::vector<std::pair<Done, ChangeReply>> take_answered(Time now);
  Time next_deadline() const;

  const size_t ring_bytes_max_;
  const std::string origin_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int64_t version_ = 0;
  std::map<TaskId, Rings> tasks_;  ///< that run
  std::map<uint64_t, Waiting> waiting_;
  uint64_t next_waiting_ = 1;
  bool has_news_ = false;
  bool is_stopping_ = false;
  std::thread thread_;  ///< from the first question that waits
};

}  // namespace millrace::engine
