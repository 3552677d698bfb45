#include "engine/snapshot/snapshot_directory.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/clock_skew.h"
#include "engine/base/file.h"
#include "engine/snapshot/take_over.h"

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifestName = "manifest.json";
constexpr std::string_view kLeaseName = "used";
constexpr std::string_view kUnfinishedPrefix = ".unfinished-";
constexpr std::chrono::hours kLeftoverAge{24};
constexpr int kLeasedMax = 2;

fs::file_time_type::duration age_of(const fs::path& path) {
  std::error_code failed;
  const fs::file_time_type changed = fs::last_write_time(path, failed);
  if (failed) return fs::file_time_type::duration::max();
  return fs::file_time_type::clock::now() - changed;
}

/// Names in a folder, none when it cannot be read.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    names.push_back(entry->path().filename().string());
  }
  return names;
}

Status write_manifest(const fs::path& folder, const SnapshotManifest& manifest) {
  const std::string text = encode_manifest(manifest);
  if (!decode_manifest(text).ok()) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("task {}: {} files of {} bytes are more than a manifest can say",
                             manifest.task.to_string(), manifest.files.size(), manifest.bytes())};
  }
  Result<File> file = File::create(folder / kManifestName);
  if (!file.ok()) return file.status();
  MILLRACE_RETURN_IF_ERROR(file->append(text));
  MILLRACE_RETURN_IF_ERROR(file->sync());
  return sync_directory(folder);
}

}  // namespace

fs::path snapshot_root(const EngineOptions& options) {
  if (options.snapshot_dir.empty()) return {};
  return options.snapshot_dir / options.application_id / "snapshots";
}

SnapshotDirectory::SnapshotDirectory(fs::path root, std::string writer, const Clock& clock)
    : root_(std::move(root)), writer_(std::move(writer)), clock_(&clock) {}

bool SnapshotDirectory::is_ahead(int64_t time_ms) const {
  return time_ms - kClockSkewMaxMs > clock_->now_ms();
}

fs::path SnapshotDirectory::unfinished(TaskId task, const std::string& snapshot) const {
  return task_folder(task) / fmt::format("{}{}-{}", kUnfinishedPrefix, writer_, snapshot);
}

fs::path SnapshotDirectory::file_path(const SnapshotManifest& manifest,
                                      const SnapshotFile& file) const {
  return task_folder(manifest.task) / manifest.snapshot / file.name;
}

Result<SnapshotManifest> SnapshotDirectory::publish(const fs::path& checkpoint,
                                                    SnapshotManifest draft,
                                                    const std::stop_token& stop) const {
  draft.snapshot = make_snapshot_id(draft.created_at_ms);
  const fs::path folder = unfinished(draft.task, draft.snapshot);
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return io_error(folder, failed);
  Status status = fill(checkpoint, folder, draft, stop);
  if (status.ok()) status = write_manifest(folder, draft);
  if (status.ok()) {
    fs::rename(folder, task_folder(draft.task) / draft.snapshot, failed);
    if (failed) status = io_error(folder, failed);
  }
  if (status.ok()) status = sync_directory(task_folder(draft.task));
  if (status.ok()) return draft;
  remove_logged(folder);
  return status;
}

Status SnapshotDirectory::fill(const fs::path& checkpoint, const fs::path& folder,
                               SnapshotManifest& manifest, const std::stop_token& stop) const {
  const Result<SnapshotManifest> before = newest(manifest.task);
  const fs::path source = state_files(checkpoint);
  std::vector<std::string> names = names_in(source);
  std::sort(names.begin(), names.end());
  manifest.files.clear();
  for (const std::string& name : names) {
    if (!is_state_file(name)) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: '{}' is no file of a state", source.string(), name)};
    }
    Known known;
    if (const SnapshotFile* const same = before.ok() ? before->find(name) : nullptr) {
      known = {file_path(*before, *same), same->size, same->digest};
    }
    Result<SnapshotFile> file = take_over(source / name, folder / name, known, stop);
    if (!file.ok()) return file.status();
    manifest.files.push_back(std::move(*file));
  }
  return {};
}

std::vector<std::string> SnapshotDirectory::list(TaskId task) const {
  std::vector<std::string> ids = names_in(task_folder(task));
  std::erase_if(ids, [](const std::string& name) { return !is_snapshot_id(name); });
  std::sort(ids.begin(), ids.end(), std::greater<>());
  return ids;
}

Result<SnapshotManifest> SnapshotDirectory::open(TaskId task, std::string_view snapshot) const {
  if (!is_snapshot_id(snapshot)) return Error{ErrorCode::kNotFound, "not a snapshot's id"};
  const Result<std::string> text =
      read_file(task_folder(task) / snapshot / kManifestName, kManifestBytesMax);
  if (!text.ok()) return text.status();
  Result<SnapshotManifest> manifest = decode_manifest(*text);
  if (manifest.ok() && (manifest->task != task || manifest->snapshot != snapshot)) {
    return Error{ErrorCode::kInvalidRecord,
                 fmt::format("snapshot {} of task {}: the manifest is of another", snapshot,
                             task.to_string())};
  }
  return manifest;
}

bool SnapshotDirectory::is_complete(const SnapshotManifest& manifest) const {
  return std::all_of(manifest.files.begin(), manifest.files.end(), [&](const SnapshotFile& file) {
    std::error_code failed;
    return fs::file_size(file_path(manifest, file), failed) == file.size && !failed;
  });
}

Result<SnapshotManifest> SnapshotDirectory::newest(TaskId task) const {
  for (const std::string& snapshot : list(task)) {
    if (is_ahead(snapshot_time_ms(snapshot))) continue;
    Result<SnapshotManifest> manifest = open(task, snapshot);
    if (!manifest.ok() || is_ahead(manifest->committed_at_ms)) continue;
    if (is_complete(*manifest)) return manifest;
  }
  return Error{ErrorCode::kNotFound, fmt::format("no snapshot of task {}", task.to_string())};
}

void SnapshotDirectory::lease(TaskId task, std::string_view snapshot) const {
  const fs::path path = task_folder(task) / snapshot / kLeaseName;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor < 0) return;
  ::futimens(descriptor, nullptr);
  ::close(descriptor);
}

bool SnapshotDirectory::is_leased(TaskId task, const std::string& snapshot) const {
  return age_of(task_folder(task) / snapshot / kLeaseName) < std::chrono::seconds(kLeaseSeconds);
}

Status SnapshotDirectory::prune(TaskId task, int retain) const {
  const std::vector<std::string> ids = list(task);
  const auto past = std::partition_point(ids.begin(), ids.end(), [this](const std::string& id) {
    return is_ahead(snapshot_time_ms(id));
  });
  MILLRACE_RETURN_IF_ERROR(prune_older(task, {ids.begin(), past}, retain));
  return prune_older(task, {past, ids.end()}, retain);
}

// Renames first: no reader finds half a snapshot.
Status SnapshotDirectory::prune_older(TaskId task, std::span<const std::string> ids,
                                      int retain) const {
  int leased = 0;
  for (size_t i = static_cast<size_t>(retain); i < ids.size(); ++i) {
    if (leased < kLeasedMax && is_leased(task, ids[i])) {
      ++leased;
      continue;
    }
    const fs::path going = unfinished(task, ids[i]);
    std::error_code failed;
    fs::rename(task_folder(task) / ids[i], going, failed);
    if (failed == std::errc::no_such_file_or_directory) continue;  // another instance removed it
    if (!failed) fs::remove_all(going, failed);
    if (failed) return io_error(going, failed);
  }
  return {};
}

void SnapshotDirectory::remove_leftovers() const {
  const std::string ours = fmt::format("{}{}-", kUnfinishedPrefix, writer_);
  for (const std::string& task : names_in(root_)) {
    if (!TaskId::parse(task).ok()) continue;
    for (const std::string& name : names_in(root_ / task)) {
      const fs::path path = root_ / task / name;
      if (name.starts_with(ours) ||
          (name.starts_with(kUnfinishedPrefix) && age_of(path) > kLeftoverAge)) {
        remove_logged(path);
      }
    }
  }
}

}  // namespace millrace::engine
