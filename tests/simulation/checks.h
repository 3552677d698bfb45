#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "millrace/core/topology.h"
#include "millrace/engine/engine.h"

#include "engine/clients/clients.h"
#include "engine/testing/memory_broker.h"
#include "jobs/job.h"

namespace millrace::simulation {

/// The invariants that have to hold at every commit of any job.
class Checks {
 public:
  /// All outlive this.
  Checks(testing::MemoryBroker& broker, const Topology& topology, std::string application);

  /// The broker has committed `offsets` for an instance: none goes back, and in one generation a
  /// partition has one owner.
  Finding committed(const std::string& instance, int32_t generation,
                    std::span<const engine::PartitionOffset> offsets);
  /// The stores of the tasks that run there hold what their changelogs say up to their positions.
  Finding stores(const std::string& instance, const Engine& engine);
  /// The topic was replaced: its offsets, committed ones and those of its rows, begin again.
  void forget(const std::string& topic);
  /// Somebody else has written to this changelog.
  void ignore(const TopicPartition& changelog) { ignored_.insert(changelog); }
  /// Takes notice of all changelogs, before compaction may take tombstones away.
  void read_changelogs();

 private:
  struct Fold {
    int64_t end = 0;
    std::map<std::string, std::string> rows;
  };
  /// The rows of a changelog up to `end`; null: they cannot be told (any more).
  const Fold* fold_until(const TopicPartition& changelog, int64_t end);
  Finding store(const std::string& instance, const Engine& engine, const StoreSpec& spec,
                const TaskInfo& task);
  /// The index holds what its function says of the store's rows.
  static Finding index(const std::string& instance, const Engine& engine, const StoreSpec& spec,
                       const IndexSpec& index, int32_t partition,
                       const std::map<std::string, std::string>& rows);

  testing::MemoryBroker& broker_;
  const Topology& topology_;
  const std::string application_;
  std::map<TopicPartition, int64_t> committed_;
  std::map<std::pair<TopicPartition, int32_t>, std::string> owners_;  ///< by generation
  std::map<TopicPartition, Fold> folds_;
  std::set<TopicPartition> ignored_;
};

}  // namespace millrace::simulation
