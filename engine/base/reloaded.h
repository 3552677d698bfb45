#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/result.h"

namespace millrace::engine {

/// Notices that files were written or replaced, also behind symbolic links. Not thread-safe.
class FileWatch {
 public:
  explicit FileWatch(std::vector<std::filesystem::path> files);

  /// Whether a file is another one than at the last look. It looks once a second at most.
  bool has_changed();
  /// "a.pem, b.pem"
  std::string names() const;

 private:
  struct Stamp {
    uint64_t device = 0;
    uint64_t file = 0;
    int64_t size = 0;
    int64_t changed_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  static Stamp stamp_of(const std::filesystem::path& file);
  std::vector<Stamp> look() const;

  std::vector<std::filesystem::path> files_;
  std::vector<Stamp> seen_;
  std::chrono::steady_clock::time_point looked_;
};

/// Logs that files were read again, or why the former contents stay in force.
void log_reload(const std::string& files, const Status& outcome);

/// A value that is made from files, and made again after they change. A change with a fault leaves
/// the former value in force. Thread-safe.
template <class T>
class Reloaded {
 public:
  using Value = std::shared_ptr<T>;
  using Make = std::function<Result<Value>()>;

  /// Error: of `make`.
  static Result<std::shared_ptr<Reloaded>> open(std::vector<std::filesystem::path> files,
                                                Make make) {
    FileWatch watch(std::move(files));  // before they are read, so that no change is missed
    Result<Value> first = make();
    if (!first.ok()) return first.status();
    return std::make_shared<Reloaded>(std::move(watch), std::move(make), *std::move(first));
  }
  /// A value that never changes.
  static std::shared_ptr<Reloaded> fixed(Value value) {
    return std::make_shared<Reloaded>(FileWatch({}), Make(), std::move(value));
  }
  Reloaded(FileWatch watch, Make make, Value value)
      : watch_(std::move(watch)), make_(std::move(make)), value_(std::move(value)) {}

  /// The value by the files as they were within the last second. May read them.
  Value get() {
    const std::lock_guard lock(mutex_);
    if (watch_.has_changed()) {
      Result<Value> next = make_();
      log_reload(watch_.names(), next.status());
      if (next.ok()) value_ = *std::move(next);
    }
    return value_;
  }

 private:
  std::mutex mutex_;
  FileWatch watch_;
  Make make_;
  Value value_;
};

}  // namespace millrace::engine
