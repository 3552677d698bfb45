#include "engine/snapshot/fetcher.h"

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
constexpr std::string_view kFetchedSuffix = ".fetched";

/// "0_3.fetched-1", also with ".partial" behind.
bool is_fetched_name(std::string_view name) {
  const size_t suffix = name.find(kFetchedSuffix);
  return suffix != std::string_view::npos && TaskId::parse(name.substr(0, suffix)).ok();
}

void remove_fetched(const fs::path& path) {
  std::error_code failed;
  fs::remove_all(path, failed);
  if (failed) spdlog::warn("not removed path={} {}", path.string(), failed.message());
}

void remove_leftovers(const fs::path& root) {
  std::error_code failed;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(root, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (is_fetched_name(entry->path().filename().string())) found.push_back(entry->path());
  }
  for (const fs::path& path : found) remove_fetched(path);
}

}  // namespace

SnapshotFetcher::SnapshotFetcher(SnapshotFetcherOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {
  remove_leftovers(options_.state_root);
  for (int i = 0; i < options_.parallel; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

SnapshotFetcher::~SnapshotFetcher() {
  {
    const std::lock_guard lock(mutex_);
    queue_.clear();
    for (const auto& [task, job] : jobs_) job->stop.request_stop();
    jobs_.clear();
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
  for (const FetchedSnapshot& outcome : outcomes_) remove_fetched(outcome.directory);
}

void SnapshotFetcher::start(TaskId task, std::string incarnation,
                            std::vector<SnapshotOrigin> origins) {
  auto job = std::make_shared<Job>();
  job->task = task;
  job->incarnation = std::move(incarnation);
  job->origins = std::move(origins);
  {
    const std::lock_guard lock(mutex_);
    MILLRACE_ASSERT(!jobs_.contains(task), "a snapshot of the task is being fetched");
    job->into =
        options_.state_root / fmt::format("{}{}-{}", task.to_string(), kFetchedSuffix, ++started_);
    jobs_[task] = job;
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void SnapshotFetcher::cancel(TaskId task) {
  const std::lock_guard lock(mutex_);
  if (const auto found = jobs_.find(task); found != jobs_.end()) {
    found->second->stop.request_stop();
    std::erase(queue_, found->second);
    jobs_.erase(found);
  }
  std::erase_if(outcomes_, [&](const FetchedSnapshot& outcome) {
    if (outcome.task != task) return false;
    if (!outcome.directory.empty()) remove_fetched(outcome.directory);
    return true;
  });
}

bool SnapshotFetcher::is_fetching(TaskId task) const {
  const std::lock_guard lock(mutex_);
  return jobs_.contains(task);
}

std::vector<FetchedBytes> SnapshotFetcher::progress() const {
  const std::lock_guard lock(mutex_);
  std::vector<FetchedBytes> all;
  all.reserve(jobs_.size());
  for (const auto& [task, job] : jobs_) all.push_back({task, job->done, job->total});
  return all;
}

std::vector<FetchedSnapshot> SnapshotFetcher::poll() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outcomes_, {});
}

void SnapshotFetcher::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return !queue_.empty(); }) && !stop.stop_requested()) {
    const std::shared_ptr<Job> job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    FetchedSnapshot outcome = fetch(*job);
    lock.lock();
    const auto place = jobs_.find(job->task);
    if (place != jobs_.end() && place->second == job) {
      jobs_.erase(place);
      outcomes_.push_back(std::move(outcome));
    } else if (!outcome.directory.empty()) {
      remove_fetched(outcome.directory);
    }
  }
}

FetchedSnapshot SnapshotFetcher::fetch(Job& job) {
  const int64_t started_ns = clock_.steady_ns();
  FetchedSnapshot outcome;
  outcome.task = job.task;
  std::string reasons;
  ErrorCode code = ErrorCode::kNotFound;  // else of the last that failed in another way
  for (const SnapshotOrigin& origin : job.origins) {
    if (is_away(origin.endpoint)) {
      reasons += fmt::format("{}{}: was away lately", reasons.empty() ? "" : "; ", origin.endpoint);
      continue;
    }
    Result<SnapshotManifest> fetched = fetch_from(origin, job);
    outcome.took_ms = (clock_.steady_ns() - started_ns) / kNsPerMs;
    if (fetched.ok()) {
      outcome.manifest = std::move(*fetched);
      outcome.origin = origin.to_string();
      outcome.directory = job.into;
      spdlog::info("snapshot fetched task={} snapshot={} from={} bytes={} ms={}",
                   job.task.to_string(), outcome.manifest.snapshot, outcome.origin,
                   outcome.manifest.bytes(), outcome.took_ms);
      return outcome;
    }
    reasons += reasons.empty() ? "" : "; ";
    reasons += fetched.message();
    if (fetched.code() == ErrorCode::kAborted) {
      outcome.status = fetched.status();
      return outcome;
    }
    remember_failure(origin.endpoint, fetched.code());
    if (fetched.code() != ErrorCode::kNotFound) {
      code = fetched.code();
      spdlog::warn("snapshot not fetched task={} from={} {}", job.task.to_string(),
                   origin.to_string(), fetched.message());
    }
  }
  outcome.status = Error{code, reasons.empty() ? "nobody to ask for a snapshot" : reasons};
  return outcome;
}

bool SnapshotFetcher::is_away(const std::string& endpoint) const {
  const std::lock_guard lock(mutex_);
  const auto known = away_since_ns_.find(endpoint);
  return known != away_since_ns_.end() && clock_.steady_ns() - known->second < kAwayNs;
}

void SnapshotFetcher::remember_failure(const std::string& endpoint, ErrorCode failure) {
  if (endpoint.empty()) return;
  const bool is_away = failure == ErrorCode::kRetriable || failure == ErrorCode::kTimedOut;
  const std::lock_guard lock(mutex_);
  if (is_away) away_since_ns_[endpoint] = clock_.steady_ns();
}

Result<SnapshotManifest> SnapshotFetcher::fetch_from(const SnapshotOrigin& origin, Job& job) const {
  const std::stop_token stop = job.stop.get_token();
  std::unique_ptr<SnapshotSource> source;
  if (origin.endpoint.empty()) {
    source = open_directory_source(origin.directory, stop);
  } else {
    auto opened = open_http_source(origin.endpoint, options_.timeouts, stop, options_.token);
    if (!opened.ok()) return opened.status();
    source = std::move(*opened);
  }
  SnapshotExpectation expected;
  expected.application_id = options_.application_id;
  expected.task = job.task;
  expected.incarnation = job.incarnation;
  expected.now_ms = clock_.now_ms();
  expected.max_age_ms = options_.max_age_ms;
  return fetch_snapshot(
      *source, expected, job.into,
      [&job](uint64_t done, uint64_t total) {
        job.done = done;
        job.total = total;
      },
      stop);
}

Status install_fetched(const fs::path& fetched, const fs::path& task_directory) {
  std::error_code failed;
  fs::remove_all(task_directory, failed);
  if (!failed) fs::rename(fetched, task_directory, failed);
  if (failed) {
    remove_fetched(fetched);
    return Error{ErrorCode::kStoreIo,
                 fmt::format("{}: {}", task_directory.string(), failed.message())};
  }
  return sync_directory(task_directory.parent_path());
}

}  // namespace millrace::engine
