#include "engine/snapshot/downloader.h"

#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"

#include "engine/base/file.h"

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kAwayNs = 30'000 * kNsPerMs;
constexpr std::string_view kDownloadedSuffix = ".downloaded";

/// "0_3.downloaded-1", also with ".partial" behind.
bool is_downloaded_name(std::string_view name) {
  const size_t suffix = name.find(kDownloadedSuffix);
  return suffix != std::string_view::npos && TaskId::parse(name.substr(0, suffix)).ok();
}

void remove_leftovers(const fs::path& root) {
  std::error_code failed;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(root, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (is_downloaded_name(entry->path().filename().string())) found.push_back(entry->path());
  }
  for (const fs::path& path : found) remove_logged(path);
}

/// An origin whose files tests may take away while they are read.
class WatchedOrigin final : public SnapshotOrigin {
 public:
  WatchedOrigin(std::unique_ptr<SnapshotOrigin> origin, const std::function<Status()>& on_step)
      : origin_(std::move(origin)), on_step_(on_step) {}

  Result<std::string> manifest(TaskId task) override { return origin_->manifest(task); }
  Status read(const SnapshotManifest& manifest, const SnapshotFile& file, uint64_t offset,
              const Sink& sink) override {
    MILLRACE_RETURN_IF_ERROR(on_step_());
    return origin_->read(manifest, file, offset, sink);
  }

 private:
  std::unique_ptr<SnapshotOrigin> origin_;
  const std::function<Status()>& on_step_;
};

}  // namespace

SnapshotDownloader::SnapshotDownloader(SnapshotDownloaderOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {
  remove_leftovers(options_.state_root);
  for (int i = 0; i < options_.parallel; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

SnapshotDownloader::~SnapshotDownloader() {
  {
    const std::lock_guard lock(mutex_);
    queue_.clear();
    for (const auto& [task, job] : jobs_) job->stop.request_stop();
    jobs_.clear();
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
  for (const DownloadedSnapshot& outcome : outcomes_) remove_logged(outcome.directory);
}

void SnapshotDownloader::start(TaskId task, std::string incarnation,
                               std::vector<SnapshotAddress> addresses) {
  auto job = std::make_shared<Job>();
  job->task = task;
  job->incarnation = std::move(incarnation);
  job->addresses = std::move(addresses);
  {
    const std::lock_guard lock(mutex_);
    MILLRACE_ASSERT(!jobs_.contains(task), "a snapshot of the task is being downloaded");
    job->into = options_.state_root /
                fmt::format("{}{}-{}", task.to_string(), kDownloadedSuffix, ++started_);
    jobs_[task] = job;
    if (!threads_.empty()) queue_.push_back(job);
  }
  if (threads_.empty()) keep(job, download(*job));
  wake_.notify_one();
}

void SnapshotDownloader::cancel(TaskId task) {
  const std::lock_guard lock(mutex_);
  if (const auto found = jobs_.find(task); found != jobs_.end()) {
    found->second->stop.request_stop();
    std::erase(queue_, found->second);
    jobs_.erase(found);
  }
  std::erase_if(outcomes_, [&](const DownloadedSnapshot& outcome) {
    if (outcome.task != task) return false;
    if (!outcome.directory.empty()) remove_logged(outcome.directory);
    return true;
  });
}

bool SnapshotDownloader::is_downloading(TaskId task) const {
  const std::lock_guard lock(mutex_);
  return jobs_.contains(task);
}

std::vector<DownloadedBytes> SnapshotDownloader::progress() const {
  const std::lock_guard lock(mutex_);
  std::vector<DownloadedBytes> all;
  all.reserve(jobs_.size());
  for (const auto& [task, job] : jobs_) all.push_back({task, job->done, job->total});
  return all;
}

std::vector<DownloadedSnapshot> SnapshotDownloader::poll() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outcomes_, {});
}

void SnapshotDownloader::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return !queue_.empty(); }) && !stop.stop_requested()) {
    const std::shared_ptr<Job> job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    DownloadedSnapshot outcome = download(*job);
    keep(job, std::move(outcome));
    lock.lock();
  }
}

void SnapshotDownloader::keep(const std::shared_ptr<Job>& job, DownloadedSnapshot outcome) {
  const std::lock_guard lock(mutex_);
  const auto place = jobs_.find(job->task);
  if (place != jobs_.end() && place->second == job) {
    jobs_.erase(place);
    outcomes_.push_back(std::move(outcome));
  } else if (!outcome.directory.empty()) {
    remove_logged(outcome.directory);
  }
}

DownloadedSnapshot SnapshotDownloader::download(Job& job) {
  const int64_t started_ns = clock_.steady_ns();
  DownloadedSnapshot outcome;
  outcome.task = job.task;
  std::string reasons;
  ErrorCode code = ErrorCode::kNotFound;  // or that of the last other failure
  for (const SnapshotAddress& address : job.addresses) {
    if (is_away(address.endpoint)) {
      reasons +=
          fmt::format("{}{}: was away lately", reasons.empty() ? "" : "; ", address.endpoint);
      continue;
    }
    Result<SnapshotManifest> downloaded = download_from(address, job);
    outcome.took_ms = (clock_.steady_ns() - started_ns) / kNsPerMs;
    if (downloaded.ok()) {
      outcome.manifest = std::move(*downloaded);
      outcome.origin = address.to_string();
      outcome.directory = job.into;
      spdlog::info("snapshot downloaded task={} snapshot={} from={} bytes={} ms={}",
                   job.task.to_string(), outcome.manifest.snapshot, outcome.origin,
                   outcome.manifest.bytes(), outcome.took_ms);
      return outcome;
    }
    reasons += reasons.empty() ? "" : "; ";
    reasons += downloaded.message();
    if (downloaded.code() == ErrorCode::kAborted) {
      outcome.status = downloaded.status();
      return outcome;
    }
    remember_failure(address.endpoint, downloaded.code());
    if (downloaded.code() != ErrorCode::kNotFound) {
      code = downloaded.code();
      spdlog::warn("snapshot not downloaded task={} from={} {}", job.task.to_string(),
                   address.to_string(), downloaded.message());
    }
  }
  outcome.status = Error{code, reasons.empty() ? "nobody to ask for a snapshot" : reasons};
  return outcome;
}

bool SnapshotDownloader::is_away(const std::string& endpoint) const {
  const std::lock_guard lock(mutex_);
  const auto known = away_since_ns_.find(endpoint);
  return known != away_since_ns_.end() && clock_.steady_ns() - known->second < kAwayNs;
}

void SnapshotDownloader::remember_failure(const std::string& endpoint, ErrorCode failure) {
  if (endpoint.empty()) return;
  const bool is_away = failure == ErrorCode::kRetriable || failure == ErrorCode::kTimedOut;
  const std::lock_guard lock(mutex_);
  if (is_away) away_since_ns_[endpoint] = clock_.steady_ns();
}

Result<SnapshotManifest> SnapshotDownloader::download_from(const SnapshotAddress& address,
                                                           Job& job) const {
  const std::stop_token stop = job.stop.get_token();
  std::unique_ptr<SnapshotOrigin> origin;
  if (address.endpoint.empty()) {
    origin = open_directory_origin(address.directory, stop, clock_);
  } else {
    auto opened = open_http_origin(address.endpoint, options_.timeouts, stop, options_.self);
    if (!opened.ok()) return opened.status();
    origin = std::move(*opened);
  }
  if (options_.on_step) {
    origin = std::make_unique<WatchedOrigin>(std::move(origin), options_.on_step);
  }
  SnapshotExpectation expected;
  expected.application_id = options_.application_id;
  expected.task = job.task;
  expected.incarnation = job.incarnation;
  expected.now_ms = clock_.now_ms();
  expected.max_age_ms = options_.max_age_ms;
  return download_snapshot(
      *origin, expected, job.into,
      [&job](uint64_t done, uint64_t total) {
        job.done = done;
        job.total = total;
      },
      stop);
}

Status install_downloaded(const fs::path& downloaded, const fs::path& task_directory) {
  std::error_code failed;
  fs::remove_all(task_directory, failed);
  if (!failed) fs::rename(downloaded, task_directory, failed);
  if (failed) {
    remove_logged(downloaded);
    return Error{ErrorCode::kStoreIo,
                 fmt::format("{}: {}", task_directory.string(), failed.message())};
  }
  return sync_directory(task_directory.parent_path());
}

}  // namespace millrace::engine
