#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

namespace millrace::engine {

/// `<state_dir>/<application_id>/`: a lock, this instance's identity, one directory per task.
///
/// Without a state directory everything is in memory and the identity is new at every start.
class StateDirectory {
 public:
  /// Creates what is missing and takes the lock. REQUIRES: `application_id` is a legal name, and
  /// `instance_id` is one or empty.
  /// Errors: `kConfig` when another process holds it; `kStoreIo` when it cannot be written or read.
  static Result<StateDirectory> open(const std::filesystem::path& state_dir,
                                     const std::string& application_id,
                                     const std::string& instance_id);
  StateDirectory(StateDirectory&& other) noexcept;
  StateDirectory& operator=(StateDirectory&&) = delete;
  ~StateDirectory();

  bool is_in_memory() const { return root_.empty(); }
  /// Name of this instance in its group: the given one, else random and stable over restarts on
  /// this directory.
  const std::string& instance() const { return instance_; }
  /// Where all of it lies; empty when in memory.
  const std::filesystem::path& root() const { return root_; }
  /// Empty when in memory.
  std::filesystem::path task_directory(TaskId task) const;
  bool has_task(TaskId task) const;  ///< whether it has a directory
  /// Tasks that have a directory, ascending.
  std::vector<TaskId> tasks() const;
  /// Deletes a task's directory. REQUIRES: nobody has it open.
  Status remove_task(TaskId task) const;

 private:
  StateDirectory() = default;
  Status lock();
  Status load_identity();

  std::filesystem::path root_;
  std::string instance_;
  int lock_ = -1;
};

}  // namespace millrace::engine
