#include <algorithm>

#include "engine/loop/loop.h"
#include "engine/snapshot/snapshot_store.h"

namespace millrace::engine {
namespace {

/// Whether a snapshot of the task can save reading a changelog.
bool has_changelog_on_disk(const SubTopology& sub_topology) {
  return std::any_of(
      sub_topology.stores.begin(), sub_topology.stores.end(),
      [](const ResolvedStore& store) { return store.output >= 0 && !store.spec->in_memory; });
}

}  // namespace

std::filesystem::path Loop::snapshot_directory() const {
  return directory_.is_in_memory() ? std::filesystem::path() : snapshot_root(options_);
}

bool Loop::waits_for_snapshot(TaskId id, const Unopened& wanted) {
  if (!snapshots_) return false;
  switch (snapshots_->download_stage(id)) {
    case SnapshotKeeper::DownloadStage::kUnderWay:
      show_as_waiting(id, wanted);
      return true;
    case SnapshotKeeper::DownloadStage::kEnded:
      snapshots_->install(id);
      return false;
    case SnapshotKeeper::DownloadStage::kNone:
      break;
  }
  const bool has_state = wanted.starts_empty || directory_.has_task(id);
  if (has_state || !has_changelog_on_disk(sub_topology_of(id))) return false;
  if (!snapshots_->start_download(id, coordinator_->snapshot_peers(id))) return false;
  registry_.add(id, {});
  show_as_waiting(id, wanted);
  return true;
}

void Loop::show_as_waiting(TaskId id, const Unopened& wanted) {
  TaskInfo info;
  info.position.task = id;
  info.stage = wanted.is_standby ? TaskStage::kStandby : TaskStage::kRestoring;
  registry_.set_info(std::move(info));
}

/// A download outlasts a rebalance that leaves its task here.
void Loop::cancel_downloads_of_others() {
  if (!snapshots_) return;
  for (const TaskId id : snapshots_->downloads()) {
    if (unopened_.contains(id)) continue;
    snapshots_->cancel_download(id);
    registry_.remove(id);
  }
}

}  // namespace millrace::engine
