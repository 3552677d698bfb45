#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/snapshot/manifest.h"
#include "engine/snapshot/origin.h"

namespace millrace::engine {

/// The requirements on a usable snapshot.
struct SnapshotExpectation {
  std::string application_id;
  TaskId task;
  std::string incarnation;  ///< see `TaskStateOptions`
  int64_t now_ms = 0;
  int64_t max_age_ms = 0;                  ///< of the last commit in it; 0: no limit
  uint64_t bytes_max = uint64_t{1} << 40;  ///< of all files; and they must fit on the disk
};

using DownloadProgress = std::function<void(uint64_t bytes_done, uint64_t bytes_total)>;

/// Copies the newest snapshot of a task from `origin` to `into`, which becomes a task directory
/// (see `TaskStateOptions`) by a rename, when every file has arrived with the digest that the
/// manifest gives. Resumes a transfer that breaks at the byte reached, a bounded number of times.
/// On any doubt there is an error and no directory. REQUIRES: `into` does not exist; nobody else
/// uses it or `<into>.partial`.
///
/// Errors: `kNotFound`, `kInvalidRecord` (not as expected, or damaged), `kRetriable` (the peer is
/// away), `kTimedOut` (it is silent or too slow), `kAborted`, `kStoreIo`.
Result<SnapshotManifest> download_snapshot(SnapshotOrigin& origin,
                                           const SnapshotExpectation& expected,
                                           const std::filesystem::path& into,
                                           const DownloadProgress& progress,
                                           const std::stop_token& stop);

}  // namespace millrace::engine
