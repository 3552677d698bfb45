#include "storage_script.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "tests/simulation/draws.h"

namespace millrace::simulation {
namespace {

constexpr uint64_t kStorageSalt = 0x2545f4914f6cdd1d;
constexpr int kMoreStrikesMin = 5;
constexpr int kMoreStrikesMax = 20;
constexpr int kStorageCallsMax = 40;
constexpr size_t kSmallBytes = 4'000;

constexpr std::array kOfDisk{Kind::kDiskWrite, Kind::kDiskSync, Kind::kDiskFull, Kind::kDiskRead,
                             Kind::kDiskGarbled};
constexpr std::array kOfSnapshots{Kind::kSnapshotCut, Kind::kSnapshotGarbled, Kind::kSnapshotFuture,
                                  Kind::kSnapshotGone};

}  // namespace

bool is_of_storage(Kind kind) {
  return std::ranges::find(kOfDisk, kind) != kOfDisk.end() ||
         std::ranges::find(kOfSnapshots, kind) != kOfSnapshots.end();
}

void add_storage(WorldScript& script, const ScriptOptions& options) {
  Draws draws(script.seed ^ kStorageSalt);
  StorageScript& storage = script.storage;
  storage.is_pipelined = draws.one_in(3);
  if (draws.one_in(4)) storage.input_buffer_bytes = kSmallBytes;
  if (draws.one_in(4)) storage.cache_bytes = kSmallBytes;
  if (!script.on_disk) return;
  // With so little every commit is flushed.
  if (draws.one_in(2)) storage.write_buffer_bytes = 64 << 10;
  storage.has_snapshots = draws.one_in(2);
  storage.snapshot_interval_ms = draws.between(500, 8'000);
  storage.cleanup_delay_ms = draws.one_in(2) ? 600'000 : 3'000;
  std::vector<Kind> kinds(kOfDisk.begin(), kOfDisk.end());
  if (storage.has_snapshots) kinds.insert(kinds.end(), kOfSnapshots.begin(), kOfSnapshots.end());
  std::erase_if(kinds, [&](Kind kind) {
    return draws.one_in(4) || std::ranges::find(options.without, kind) != options.without.end();
  });
  for (int64_t i = draws.between(kMoreStrikesMin, kMoreStrikesMax); i > 0 && !kinds.empty(); --i) {
    Strike strike;
    strike.step = static_cast<int>(draws.below(static_cast<uint64_t>(script.steps)));
    strike.kind = draws.one_of(kinds);
    strike.victim = draws.below(script.instances);
    strike.calls = draws.one_in(2) ? static_cast<int>(draws.between(1, kStorageCallsMax)) : 0;
    strike.salt = draws.salt();
    script.strikes.push_back(strike);
  }
  std::ranges::stable_sort(script.strikes, {}, &Strike::step);
}

std::string describe(const StorageScript& script) {
  return fmt::format("pipelined={} input_bytes={} cache_bytes={} write_bytes={} snapshots={}",
                     script.is_pipelined, script.input_buffer_bytes, script.cache_bytes,
                     script.write_buffer_bytes,
                     script.has_snapshots ? script.snapshot_interval_ms : 0);
}

}  // namespace millrace::simulation
