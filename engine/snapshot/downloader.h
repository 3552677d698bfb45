#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/snapshot/download.h"

namespace millrace::engine {

/// Where to look for a snapshot: one of the two is set.
struct SnapshotAddress {
  std::string endpoint;             ///< a peer's query server, "host:port"
  std::filesystem::path directory;  ///< root of a `SnapshotDirectory`

  std::string to_string() const { return endpoint.empty() ? directory.string() : endpoint; }
};

struct SnapshotDownloaderOptions {
  /// Where the tasks' directories are: a download must become one of them by a rename.
  std::filesystem::path state_root;
  std::string application_id;
  int64_t max_age_ms = 0;  ///< see `SnapshotExpectation`
  int parallel = 2;        ///< tasks at a time; 0: `start` downloads itself
  HttpTimeouts timeouts;
  PeerIdentity self;  ///< by which peers know this instance
  /// Before each file; an error ends the download. Empty: nothing.
  std::function<Status()> on_step = {};
};

struct DownloadedSnapshot {
  TaskId task;
  Status status;                    ///< ok, or why no origin had a usable snapshot
  std::filesystem::path directory;  ///< with the snapshot, see `install_downloaded`
  SnapshotManifest manifest;
  std::string origin;
  int64_t took_ms = 0;
};

struct DownloadedBytes {
  TaskId task;
  uint64_t done = 0;
  uint64_t total = 0;  ///< 0: not known yet
};

/// Downloads snapshots for tasks that have no state, on threads of its own. The methods are for the
/// loop's thread and, with `parallel` > 0, do not wait.
class SnapshotDownloader {
 public:
  /// Removes what a crash left. `clock` must outlive this.
  SnapshotDownloader(SnapshotDownloaderOptions options, const Clock& clock);
  ~SnapshotDownloader();  ///< gives up all downloads under way
  SnapshotDownloader(const SnapshotDownloader&) = delete;
  SnapshotDownloader& operator=(const SnapshotDownloader&) = delete;

  /// Tries the addresses in their order; the first with a usable snapshot wins. For half a minute
  /// it leaves out a peer that was away or silent: that costs its time-out once, and many tasks do
  /// not wait for it one after the other. REQUIRES: none of `task` is under way.
  void start(TaskId task, std::string incarnation, std::vector<SnapshotAddress> addresses);
  /// Gives up on `task`: `poll` will return nothing of it.
  void cancel(TaskId task);
  bool is_downloading(TaskId task) const;
  std::vector<DownloadedBytes> progress() const;
  /// The downloads that ended since the last call. From now on their directories belong to the
  /// caller.
  std::vector<DownloadedSnapshot> poll();

 private:
  struct Job {
    TaskId task;
    std::string incarnation;
    std::vector<SnapshotAddress> addresses;
    std::filesystem::path into;
    std::stop_source stop;
    std::atomic<uint64_t> done = 0;
    std::atomic<uint64_t> total = 0;
  };
  void run(const std::stop_token& stop);
  DownloadedSnapshot download(Job& job);
  /// Keeps what came of a job unless it was given up.
  void keep(const std::shared_ptr<Job>& job, DownloadedSnapshot outcome);
  Result<SnapshotManifest> download_from(const SnapshotAddress& address, Job& job) const;
  /// Whether the peer was away at a recent question.
  bool is_away(const std::string& endpoint) const;
  void remember_failure(const std::string& endpoint, ErrorCode failure);

  const SnapshotDownloaderOptions options_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::map<TaskId, std::shared_ptr<Job>> jobs_;  ///< queued or under way, and not given up
  std::vector<DownloadedSnapshot> outcomes_;
  std::map<std::string, int64_t> away_since_ns_;  ///< by endpoint
  uint64_t started_ = 0;
  std::vector<std::jthread> threads_;  ///< last: they use the rest
};

/// Puts a downloaded directory in the place of a task's. REQUIRES: nobody has that open. Error:
/// `kStoreIo`; the downloaded directory is gone then, the task's may be.
Status install_downloaded(const std::filesystem::path& downloaded,
                          const std::filesystem::path& task_directory);

}  // namespace millrace::engine
