// Strikes at the databases of an instance and at the snapshots of all.
#include <array>

#include <fmt/format.h>

#include "snapshots.h"
#include "tests/simulation/instance.h"

namespace millrace::simulation {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int kStepsBeforeMax = 12;
constexpr int64_t kRestartMs = 100;

constexpr std::array<std::pair<Disk::Fault, Kind>, 5> kKindsOfFaults{
    {{Disk::Fault::kWrite, Kind::kDiskWrite},
     {Disk::Fault::kSync, Kind::kDiskSync},
     {Disk::Fault::kFull, Kind::kDiskFull},
     {Disk::Fault::kRead, Kind::kDiskRead},
     {Disk::Fault::kGarbled, Kind::kDiskGarbled}}};

}  // namespace

bool World::hit_storage(Instance& instance, Kind kind, Draws& draws) {
  switch (kind) {
    case Kind::kSnapshotCut:
    case Kind::kSnapshotGarbled:
    case Kind::kSnapshotFuture:
    case Kind::kSnapshotGone:
      return damage_snapshot(kind, draws);
    default:
      return begin_disk_fault(instance, kind, draws);
  }
}

bool World::begin_disk_fault(Instance& instance, Kind kind, Draws& draws) {
  for (const auto& [fault, its_kind] : kKindsOfFaults) {
    if (its_kind != kind || instance.disk == nullptr) continue;
    instance.disk->begin(fault,
                         draws.one_in(2) ? 0 : static_cast<int>(draws.below(kStepsBeforeMax)));
    later(draws.one_in(3) ? draws.between(8'000, 25'000) : draws.between(1, 3'000),
          [&instance, fault = fault] { instance.disk->end(fault); });
    // Databases open and close with their instances: else little is read or written.
    if (instance.engine == nullptr) return false;
    if (draws.one_in(4)) {
      kill(instance, draws.between(1, 500));
    } else if (draws.one_in(3) && !instance.is_in_turn && instance.frozen_until_ms <= steady_ms()) {
      stop(instance, draws.between(1, 500));
    }
  }
  return false;  // counted when it hits something
}

void World::see_disk(Instance& instance, Phase phase) {
  if (instance.disk == nullptr) return;
  instance.disk->finish_all();
  for (const Disk::Fault hit : instance.disk->take_hits()) {
    for (const auto& [fault, kind] : kKindsOfFaults) {
      if (fault == hit) count({.kind = kind}, phase);
    }
  }
}

bool World::may_fail_on_disk(const Instance& instance) const {
  return instance.has_damage || (instance.disk != nullptr && instance.disk->was_hit());
}

void World::end_failed(Instance& instance) {
  instance.is_in_turn = true;
  const Status closed = instance.engine->close();
  instance.is_in_turn = false;
  if (closed.ok()) note(fmt::format("{} has forgotten its failure", instance.name));
  instance.down_ms = kRestartMs;
  bury(instance);
}

bool World::damage_snapshot(Kind kind, Draws& draws) {
  if (!script_.storage.has_snapshots) return false;
  const std::vector<std::filesystem::path> snapshots =
      snapshots_in(root_ / kSnapshots / "app" / "snapshots");
  if (snapshots.empty()) return false;
  // Mostly a new one, which is what a download takes.
  const std::filesystem::path snapshot =
      draws.one_in(2) ? snapshots.back() : draws.one_of(snapshots);
  switch (kind) {
    case Kind::kSnapshotCut:
      return cut_snapshot(snapshot, draws);
    case Kind::kSnapshotGarbled:
      return garble_snapshot(snapshot, draws);
    case Kind::kSnapshotFuture:
      return postdate_snapshot(snapshot, draws.between(1, 300) * kMinuteMs);
    default:
      std::filesystem::remove_all(snapshot);
      return true;
  }
}

}  // namespace millrace::simulation
