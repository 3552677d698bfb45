#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/engine/options.h"

#include "faults.h"

namespace millrace::simulation {

/// How the instances of a world keep and move state.
struct StoragePlan {
  bool is_pipelined = false;
  size_t input_buffer_bytes = 64 << 20;
  size_t cache_bytes = 256 << 20;
  size_t write_buffer_bytes = 128 << 20;
  bool has_snapshots = false;
  int64_t snapshot_interval_ms = 1'000;
  int64_t cleanup_delay_ms = 600'000;
};

/// All that a seed decides before the world begins.
struct WorldPlan {
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
  StoragePlan storage;
  int steps = 0;
  std::vector<Strike> strikes;  ///< by step
};

/// The caller fixes this of all plans.
struct PlanOptions {
  std::string job = {};       ///< empty: the seed decides
  std::vector<Kind> without;  ///< kinds that never strike
};

WorldPlan make_plan(uint64_t seed, const PlanOptions& options);
/// The plan with those of its strikes whose indices are in `kept`, ascending.
WorldPlan reduced(const WorldPlan& plan, const std::vector<size_t>& kept);
std::string describe(const WorldPlan& plan);
std::string describe(const Strike& strike);

}  // namespace millrace::simulation
