#include "engine/base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::engine {
namespace {

Error failure_of(const std::filesystem::path& path, const char* what) {
  const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kStoreIo;
  return {code, fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno))};
}

}  // namespace

File::File(std::filesystem::path path, int descriptor, uint64_t size)
    : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Error File::failure(const char* what) const {
  return failure_of(path_, what);
}

Result<File> File::open(const std::filesystem::path& path) {
  // Does not block: the name may be that of a pipe.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return failure_of(path, "opening");
  File file(path, descriptor, 0);
  struct stat found = {};
  if (::fstat(descriptor, &found) != 0) return file.failure("opening");
  if (!S_ISREG(found.st_mode)) {
    return Error{ErrorCode::kStoreIo, fmt::format("{}: is not a file", path.string())};
  }
  file.size_ = static_cast<uint64_t>(found.st_size);
  return file;
}

Result<File> File::create(const std::filesystem::path& path) {
  const int descriptor =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return Error{ErrorCode::kStoreIo, failure_of(path, "creating").message};
  }
  return File(path, descriptor, 0);
}

Result<size_t> File::read_at(uint64_t offset, std::span<char> into) const {
  size_t done = 0;
  while (done < into.size()) {
    const ssize_t bytes = ::pread(descriptor_, into.data() + done, into.size() - done,
                                  static_cast<off_t>(offset + done));
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return failure("reading");
    if (bytes == 0) break;
    done += static_cast<size_t>(bytes);
  }
  return done;
}

Status File::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure("writing");
    size_ += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Status File::sync() {
  if (::fsync(descriptor_) != 0) return failure("writing");
  return {};
}

Error io_error(const std::filesystem::path& path, const std::error_code& error) {
  return {ErrorCode::kStoreIo, fmt::format("{}: {}", path.string(), error.message())};
}

Status sync_directory(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return failure_of(path, "opening");
  Status status;
  if (::fsync(descriptor) != 0) status = failure_of(path, "writing");
  ::close(descriptor);
  return status;
}

void remove_logged(const std::filesystem::path& path) {
  std::error_code failed;
  std::filesystem::remove_all(path, failed);
  if (failed) spdlog::warn("not removed path={} {}", path.string(), failed.message());
}

Result<std::string> read_file(const std::filesystem::path& path, size_t bytes_max) {
  const Result<File> file = File::open(path);
  if (!file.ok()) return file.status();
  if (file->size() > bytes_max) {
    return Error{ErrorCode::kInvalidRecord, fmt::format("{}: {} bytes, at most {} are allowed",
                                                        path.string(), file->size(), bytes_max)};
  }
  std::string content(file->size(), '\0');
  const Result<size_t> bytes = file->read_at(0, content);
  if (!bytes.ok()) return bytes.status();
  content.resize(*bytes);
  return content;
}

}  // namespace millrace::engine
