#include "engine/base/reloaded.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

namespace millrace::engine {
namespace {

constexpr std::chrono::seconds kLookInterval{1};
constexpr int64_t kNsPerSecond = 1'000'000'000;

}  // namespace

FileWatch::FileWatch(std::vector<std::filesystem::path> files)
    : files_(std::move(files)), seen_(look()), looked_(std::chrono::steady_clock::now()) {}

bool FileWatch::has_changed() {
  if (files_.empty()) return false;
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_ < kLookInterval) return false;
  looked_ = now;
  std::vector<Stamp> stamps = look();
  if (stamps == seen_) return false;
  seen_ = std::move(stamps);
  return true;
}

std::string FileWatch::names() const {
  std::string names;
  for (const std::filesystem::path& file : files_) {
    if (!names.empty()) names += ", ";
    names += file.string();
  }
  return names;
}

std::vector<FileWatch::Stamp> FileWatch::look() const {
  std::vector<Stamp> stamps;
  stamps.reserve(files_.size());
  for (const std::filesystem::path& file : files_) stamps.push_back(stamp_of(file));
  return stamps;
}

FileWatch::Stamp FileWatch::stamp_of(const std::filesystem::path& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return {};
  return {.device = found.st_dev,
          .file = found.st_ino,
          .size = found.st_size,
          .changed_ns = found.st_ctim.tv_sec * kNsPerSecond + found.st_ctim.tv_nsec};
}

void log_reload(const std::string& files, const Status& outcome) {
  if (outcome.ok()) return spdlog::info("read again files=\"{}\"", files);
  spdlog::error("files changed and cannot be used, the former contents stay in force: {}",
                outcome.message());
}

}  // namespace millrace::engine
