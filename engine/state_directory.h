#pragma once

#include <filesystem>
#include <string>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

namespace millrace::engine {

/// `<state_dir>/<application_id>/`: a lock, this instance's identity, one directory a task.
///
/// Without a state directory everything is in memory and the identity is new at every start.
class StateDirectory {
 public:
  /// Creates what is missing and takes the lock. REQUIRES: `application_id` is a legal name.
  /// Error: `kConfig` when another process holds it or it cannot be written.
  static Result<StateDirectory> open(const std::filesystem::path& state_dir,
                                     const std::string& application_id);
  StateDirectory(StateDirectory&& other) noexcept;
  StateDirectory& operator=(StateDirectory&&) = delete;
  ~StateDirectory();

  bool is_in_memory() const { return root_.empty(); }
  /// Random, stable over restarts on this directory.
  const std::string& instance_uuid() const { return instance_uuid_; }
  /// Empty when in memory.
  std::filesystem::path task_directory(TaskId task) const;
  /// Deletes a task's directory. REQUIRES: nobody has it open.
  Status remove_task(TaskId task) const;

 private:
  StateDirectory() = default;
  Status lock();
  Status load_identity();

  std::filesystem::path root_;
  std::string instance_uuid_;
  int lock_ = -1;
};

}  // namespace millrace::engine
