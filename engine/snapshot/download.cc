#include "engine/snapshot/download.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "millrace/state/task_state.h"

#include "engine/base/clock_skew.h"
#include "engine/base/file.h"
#include "engine/snapshot/digest.h"
#include "engine/snapshot/snapshot_directory.h"

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;

constexpr int kBreaksMax = 50;          // of a whole snapshot
constexpr int kFruitlessBreaksMax = 3;  // in a row that brought no byte
constexpr std::chrono::milliseconds kPauseFirst{50};
constexpr uint64_t kBytesPerSecondMin = 256 << 10;
constexpr std::chrono::seconds kSlowStart{60};

/// How often a transfer may break.
class Patience {
 public:
  explicit Patience(std::stop_token stop) : stop_(std::move(stop)) {}

  /// Calls `attempt` until it succeeds, fails for good or has broken too often. It returns its
  /// status and how many bytes are there.
  template <class Attempt>
  Status endure(Attempt&& attempt) {
    int fruitless = 0;
    for (uint64_t had = 0;;) {
      auto [status, has] = attempt();
      if (status.ok() || status.code() != ErrorCode::kRetriable) return std::move(status);
      fruitless = has > had ? 0 : fruitless + 1;
      had = has;
      if (++breaks_ > kBreaksMax || fruitless > kFruitlessBreaksMax) return std::move(status);
      if (!pause(kPauseFirst * (1 << fruitless))) {
        return Error{ErrorCode::kAborted, "asked to stop"};
      }
    }
  }

 private:
  /// Whether the pause lasted until its end.
  bool pause(std::chrono::milliseconds time) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    never.wait_for(lock, stop_, time, [] { return false; });
    return !stop_.stop_requested();
  }

  std::stop_token stop_;
  int breaks_ = 0;
};

Status check(const SnapshotManifest& manifest, const SnapshotExpectation& expected) {
  const auto refuse = [&](std::string why) {
    return Error{ErrorCode::kInvalidRecord,
                 fmt::format("snapshot of task {} not taken: {}", expected.task.to_string(), why)};
  };
  if (manifest.application_id != expected.application_id || manifest.task != expected.task) {
    return refuse("it is of another application or task");
  }
  if (manifest.incarnation != expected.incarnation) return refuse("it is of another incarnation");
  const int64_t age_ms = expected.now_ms - manifest.committed_at_ms;
  if (expected.max_age_ms > 0 && age_ms > expected.max_age_ms) {
    return refuse(fmt::format("last commit {} ms ago, limit {} ms", age_ms, expected.max_age_ms));
  }
  if (age_ms < -kClockSkewMaxMs) {
    return refuse(fmt::format("its last commit is {} ms in the future", -age_ms));
  }
  if (manifest.bytes() > expected.bytes_max) {
    return refuse(fmt::format("{} bytes, limit {}", manifest.bytes(), expected.bytes_max));
  }
  return {};
}

Status check_space(const SnapshotManifest& manifest, const fs::path& parent) {
  std::error_code failed;
  const fs::space_info space = fs::space(parent, failed);
  if (failed) return io_error(parent, failed);
  if (space.available > manifest.bytes()) return {};
  return Error{ErrorCode::kStoreIo, fmt::format("{}: {} bytes free, {} needed", parent.string(),
                                                space.available, manifest.bytes())};
}

/// One transfer into a directory that gets its final name later.
class Transfer {
 public:
  Transfer(SnapshotOrigin& origin, fs::path partial, const DownloadProgress& progress,
           const std::stop_token& stop)
      : origin_(origin), partial_(std::move(partial)), progress_(progress), patience_(stop) {}

  Result<SnapshotManifest> read_manifest(TaskId task) {
    std::string text;
    MILLRACE_RETURN_IF_ERROR(patience_.endure([&] {
      Result<std::string> read = origin_.manifest(task);
      if (read.ok()) text = std::move(*read);
      return std::pair(read.status(), uint64_t{0});
    }));
    return decode_manifest(text);
  }

  Status run(const SnapshotManifest& manifest) {
    const fs::path folder = state_files(partial_);
    std::error_code failed;
    fs::remove_all(partial_, failed);  // remains of a crash
    if (!failed) fs::create_directories(folder, failed);
    if (failed) return io_error(folder, failed);
    for (const SnapshotFile& file : manifest.files) {
      MILLRACE_RETURN_IF_ERROR(bring(manifest, file, folder / file.name));
    }
    MILLRACE_RETURN_IF_ERROR(sync_directory(folder));
    return sync_directory(partial_);
  }

 private:
  Status bring(const SnapshotManifest& manifest, const SnapshotFile& file, const fs::path& path) {
    Result<File> out = File::create(path);
    if (!out.ok()) return out.status();
    Digest digest;
    MILLRACE_RETURN_IF_ERROR(patience_.endure([&] {
      if (out->size() == file.size) return std::pair(Status(), out->size());
      Status status = origin_.read(manifest, file, out->size(), [&](std::string_view bytes) {
        if (bytes.size() > file.size - out->size()) return Status(damaged(manifest, file));
        digest.update(bytes);
        done_ += bytes.size();
        if (progress_) progress_(done_, manifest.bytes());
        if (is_too_slow())
          return Status(Error{ErrorCode::kTimedOut, "the snapshot comes too slowly"});
        return out->append(bytes);
      });
      return std::pair(std::move(status), out->size());
    }));
    if (out->size() != file.size || digest.hex() != file.digest) {
      return damaged(manifest, file);
    }
    return out->sync();
  }

  static Error damaged(const SnapshotManifest& manifest, const SnapshotFile& file) {
    return {ErrorCode::kInvalidRecord,
            fmt::format("snapshot {} of task {}: {} arrived damaged", manifest.snapshot,
                        manifest.task.to_string(), file.name)};
  }

  /// Whether replaying the changelog would have been the better way.
  bool is_too_slow() const {
    const auto allowed = kSlowStart + std::chrono::seconds(done_ / kBytesPerSecondMin);
    return std::chrono::steady_clock::now() - started_ > allowed;
  }

  SnapshotOrigin& origin_;
  const fs::path partial_;
  const DownloadProgress& progress_;
  Patience patience_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  uint64_t done_ = 0;
};

}  // namespace

Result<SnapshotManifest> download_snapshot(SnapshotOrigin& origin,
                                           const SnapshotExpectation& expected,
                                           const fs::path& into, const DownloadProgress& progress,
                                           const std::stop_token& stop) {
  fs::path partial = into;
  partial += ".partial";
  Transfer transfer(origin, partial, progress, stop);
  Result<SnapshotManifest> manifest = transfer.read_manifest(expected.task);
  if (!manifest.ok()) return manifest;
  MILLRACE_RETURN_IF_ERROR(check(*manifest, expected));
  MILLRACE_RETURN_IF_ERROR(check_space(*manifest, into.parent_path()));
  Status status = transfer.run(*manifest);
  std::error_code failed;
  if (status.ok()) {
    fs::rename(partial, into, failed);
    if (failed) status = io_error(into, failed);
  }
  if (!status.ok()) {
    fs::remove_all(partial, failed);
    return status;
  }
  if (status = sync_directory(into.parent_path()); !status.ok()) {
    fs::remove_all(into, failed);
    return status;
  }
  return manifest;
}

}  // namespace millrace::engine
