#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/engine/options.h"

#include "faults.h"

namespace millrace::simulation {

/// How the instances of a world keep and move state.
struct StorageScript {
  bool is_pipelined = false;
  size_t input_buffer_bytes = 64 << 20;
  size_t cache_bytes = 256 << 20;
  size_t write_buffer_bytes = 128 << 20;
  bool has_snapshots = false;
  int64_t snapshot_interval_ms = 1'000;
  int64_t cleanup_delay_ms = 600'000;
};

/// All that a seed decides before the world begins.
struct WorldScript {
  uint64_t seed = 0;
  std::string job;
  size_t instances = 1;
  int32_t partitions = 1;
  int standby_replicas = 0;
  bool is_static = false;  ///< members keep their places in the group over restarts
  bool on_disk = false;
  /// For all that cannot be processed. After `kFail` has ended an instance, the instances start
  /// with `kDeadLetter`.
  OnError on_error = OnError::kDeadLetter;
  bool has_upgrades = false;  ///< there is a next version of the job
  bool ends_upgraded = false;
  int32_t slice_records = 1;
  int64_t commit_interval_ms = 1;
  size_t commit_bytes_max = 1;
  StorageScript storage;
  int steps = 0;
  std::vector<Strike> strikes;  ///< by step
};

/// The caller fixes this of all scripts.
struct ScriptOptions {
  std::string job = {};       ///< empty: the seed decides
  std::vector<Kind> without;  ///< kinds that never strike
};

WorldScript make_script(uint64_t seed, const ScriptOptions& options);
/// The script with those of its strikes whose indices are in `kept`, ascending.
WorldScript reduced(const WorldScript& script, const std::vector<size_t>& kept);
std::string describe(const WorldScript& script);
std::string describe(const Strike& strike);

}  // namespace millrace::simulation
