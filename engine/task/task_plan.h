#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/topology.h"

#include "engine/output/output_topics.h"

namespace millrace::engine {

/// A node of a sub-topology, with its names resolved to indices.
struct PlanNode {
  const Node* node = nullptr;
  std::vector<uint32_t> children;  ///< indices into `TaskPlan::nodes`, those of this sub-topology
  int32_t output = -1;             ///< kSink, kExchange: index into the `OutputTopics`
  int32_t row_sink = -1;           ///< kSink that coalesces: its number within the task
  bool rows_in_store = false;      ///< kSink that coalesces: instead among `PlanStore::sinks`
  bool continues_here = false;     ///< kExchange: what follows belongs to this sub-topology
};

/// An input of a sub-topology's tasks: a source's topic or an exchange's.
struct PlanInput {
  uint32_t node = 0;    ///< index into `TaskPlan::nodes`
  std::string topic;    ///< whole name
  int32_t output = -1;  ///< of an exchange, which tasks of this instance write as well
  /// Stores (indices into `TaskPlan::stores`) that a record is looked up in by the very key it
  /// comes with, so that a slice's rows can be fetched together.
  std::vector<uint32_t> prefetch;
};

struct PlanStore {
  const StoreSpec* spec = nullptr;
  std::string changelog_topic;  ///< empty: it has none
  int32_t output = -1;          ///< of the changelog
  /// Table sinks (indices into `TaskPlan::nodes`) whose rows are the store's: they keep none.
  std::vector<uint32_t> sinks;
  uint32_t timer_node = 0;  ///< of timers: whose they are; index into `TaskPlan::nodes`
};

/// One sub-topology with everything a task needs to know of it; immutable, shared by its tasks.
struct TaskPlan {
  int32_t sub_topology = 0;
  int32_t partitions = 0;
  std::vector<PlanNode> nodes;
  std::vector<PlanInput> inputs;
  std::vector<PlanStore> stores;
  size_t row_sinks = 0;

  bool has_wall_timers() const;
};

/// Plans of all sub-topologies; adds the topics they write to `outputs`. The topology must outlive
/// the plans.
std::vector<TaskPlan> make_task_plans(const Topology& topology, const ResolvedTopology& resolved,
                                      std::string_view application_id, OutputTopics& outputs);

}  // namespace millrace::engine
