#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"
#include "millrace/core/topology.h"

#include "engine/broadcast/broadcast_reader.h"
#include "engine/clients/clients.h"
#include "engine/core/resolved_topology.h"
#include "engine/loop/instance.h"
#include "engine/output/output_topics.h"
#include "engine/secrets/sealing.h"
#include "engine/task/task.h"

namespace millrace::engine {

/// The topology on the cluster's topics, from which the roster makes tasks. Once `place` has
/// returned without an error, sub-topologies and outputs stay as they are.
class Application {
 public:
  /// `letter_key` seals dead letters; nothing: they are in clear. `instance` must outlive this.
  Application(Topology topology, Instance& instance, std::optional<SealingKey> letter_key);

  /// Connects, creates and checks the topics, and resolves the topology; after an error the next
  /// call continues where this one stopped. Errors: `kConfig` naming all topics at fault; the
  /// clients'.
  Status place();

  // REQUIRES, for all methods below: `place` has succeeded.
  Admin& admin() const { return *admin_; }
  std::span<const SubTopology> sub_topologies() const { return sub_topologies_; }
  /// Whether the topology has this task.
  bool has_task(TaskId task) const;
  /// REQUIRES: the topology has the task.
  const SubTopology& sub_topology_of(TaskId task) const;
  const TaskEnvironment& environment() const { return environment_; }
  /// Null when the topology has no broadcast table.
  BroadcastReader* broadcasts() const { return broadcasts_.get(); }

  /// Empty before `place`.
  OutputTopics& outputs() { return outputs_; }

 private:
  Status open_broadcasts(const ResolvedTopology& resolved);
  const SubTopology* find(TaskId task) const;  ///< null: the topology does not have it

  const Topology topology_;
  Instance& instance_;
  const std::optional<SealingKey> letter_key_;
  std::unique_ptr<Admin> admin_;
  OutputTopics outputs_;
  std::vector<SubTopology> sub_topologies_;
  std::unique_ptr<BroadcastReader> broadcasts_;
  TaskEnvironment environment_;
};

}  // namespace millrace::engine
