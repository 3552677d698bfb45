#include "engine/restore/state_directory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/base/random_id.h"

namespace millrace::engine {
namespace {

Error cannot(std::string_view what, const std::filesystem::path& path, std::string_view why) {
  return {ErrorCode::kStoreIo, fmt::format("cannot {} '{}': {}", what, path.string(), why)};
}

}  // namespace

Result<StateDirectory> StateDirectory::open(const std::filesystem::path& state_dir,
                                            const std::string& application_id,
                                            const std::string& instance_id) {
  StateDirectory directory;
  if (state_dir.empty()) {
    directory.instance_ = instance_id.empty() ? random_id() : instance_id;
    return directory;
  }
  directory.root_ = state_dir / application_id;
  std::error_code failed;
  std::filesystem::create_directories(directory.root_, failed);
  if (failed) return cannot("create", directory.root_, failed.message());
  MILLRACE_RETURN_IF_ERROR(directory.lock());
  if (instance_id.empty()) {
    MILLRACE_RETURN_IF_ERROR(directory.load_identity());
  } else {
    directory.instance_ = instance_id;
  }
  return directory;
}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept
    : root_(std::move(other.root_)),
      instance_(std::move(other.instance_)),
      lock_(std::exchange(other.lock_, -1)) {}

StateDirectory::~StateDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

Status StateDirectory::lock() {
  const std::filesystem::path path = root_ / "lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) return cannot("open", path, std::strerror(errno));
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
  return Error{ErrorCode::kConfig,
               fmt::format("state directory '{}' is in use by another process; give each instance "
                           "on a machine a state directory of its own",
                           root_.string())};
}

Status StateDirectory::load_identity() {
  const std::filesystem::path path = root_ / "instance";
  std::ifstream known(path);
  if (!known.is_open() && errno != ENOENT) return cannot("read", path, std::strerror(errno));
  if (known >> instance_ && is_random_id(instance_)) return {};
  if (known.bad()) return cannot("read", path, "the disk failed");
  instance_ = random_id();
  const std::filesystem::path fresh = root_ / "instance.new";
  std::ofstream file(fresh, std::ios::trunc);
  file << instance_ << '\n';
  file.close();
  if (!file) return cannot("write", fresh, "the disk may be full or read-only");
  std::error_code failed;
  std::filesystem::rename(fresh, path, failed);
  if (failed) return cannot("write", path, failed.message());
  return {};
}

std::filesystem::path StateDirectory::task_directory(TaskId task) const {
  return is_in_memory() ? std::filesystem::path() : root_ / task.to_string();
}

bool StateDirectory::has_task(TaskId task) const {
  std::error_code failed;
  return !is_in_memory() && std::filesystem::exists(task_directory(task), failed);
}

std::vector<TaskId> StateDirectory::tasks() const {
  std::vector<TaskId> found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(root_, failed)) {
    const Result<TaskId> id = TaskId::parse(entry.path().filename().string());
    if (id.ok()) found.push_back(*id);
  }
  std::sort(found.begin(), found.end());
  return found;
}

Status StateDirectory::remove_task(TaskId task) const {
  if (is_in_memory()) return {};
  std::error_code failed;
  std::filesystem::remove_all(task_directory(task), failed);
  if (!failed) return {};
  return Error{ErrorCode::kStoreIo, fmt::format("cannot remove '{}': {}",
                                                task_directory(task).string(), failed.message())};
}

}  // namespace millrace::engine
