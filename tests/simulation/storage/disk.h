#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/core/topology.h"
#include "millrace/state/task_state.h"

namespace millrace::simulation {

/// The disk below the databases of one instance. It stays over the instance's lives. RocksDB works
/// on it in the same steps in every run.
class Disk {
 public:
  enum class Fault : unsigned char {
    kWrite,    ///< nothing can be appended
    kSync,     ///< nothing can be brought to the disk
    kFull,     ///< there is no space
    kRead,     ///< nothing can be read
    kGarbled,  ///< what is read has a wrong byte
  };

  Disk();
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  Result<std::unique_ptr<TaskState>> open_state(const TaskStateOptions& options,
                                                std::span<const StoreSpec> stores);

  /// After so many steps that it could have hit the fault hits all of them, until `end`.
  void begin(Fault fault, int steps_before);
  void end(Fault fault);
  void heal();
  /// As kill -9: what the instance has in memory does not come here any more, until `revive`.
  void cut_off();
  void revive();

  /// Flushes that are under way end.
  void finish_flushes();
  /// So do compactions that are wanted.
  void finish_all();

  /// The faults that have hit something since the last call, each once after its `begin`.
  std::vector<Fault> take_hits();
  /// Whether any has hit something since `revive`.
  bool was_hit() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::simulation
