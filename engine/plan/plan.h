#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "millrace/core/bytes.h"
#include "millrace/core/ids.h"
#include "millrace/core/result.h"

namespace millrace::engine {

/// Who runs one task. Names of instances, none of them twice in a list.
struct Placement {
  TaskId task;
  std::string active;
  /// Follow the task's changelogs. The wanted ones come first; behind them those that stay until
  /// the wanted ones have caught up. Never the active one.
  std::vector<std::string> standbys;
  /// Follows them too, and becomes the active one once it has caught up; at most one. It may be one
  /// of the standbys.
  std::vector<std::string> warmups;

  friend bool operator==(const Placement&, const Placement&) = default;
};

/// Which instance runs which task in one generation of the group.
struct Plan {
  int32_t generation = 0;
  std::string writer;  ///< instance
  /// By instance: the id that Kafka gave it when it joined. The same members with other ids are
  /// another life of the group, in which generations may count from the beginning again.
  std::map<std::string, std::string> members;
  std::vector<Placement> placements;  ///< ascending by task

  /// Null when the plan doesn't know the task.
  const Placement* find(TaskId task) const;

  friend bool operator==(const Plan&, const Plan&) = default;
};

/// An instance's report about itself to the others.
struct InstanceReport {
  std::string instance;
  /// Random id of the process, to tell two apart that use the name. Empty: the writer's version has
  /// none, or Kafka guards the instance's name.
  std::string life;
  std::string rival;           ///< a younger life under the same name, which must end; empty: none
  std::string endpoint;        ///< "host:port" of its query server; empty: none
  bool has_snapshots = false;  ///< that server offers snapshots of tasks' state
  std::string rack;            ///< empty: unknown
  int32_t capacity = 1;        ///< relative to the others'
  bool is_draining = false;
  /// Of each sub-topology, by its number: its input topics in ascending order, such as
  /// "orders,payments". Empty: by a version that does not tell, or one that has stopped.
  std::vector<std::string> inputs;
  /// For each task that it has state of: the sum of the changelog positions of the task's stores.
  std::map<TaskId, int64_t> held;

  friend bool operator==(const InstanceReport&, const InstanceReport&) = default;
};

/// Bounds for writing and reading. A record fits a broker's default max.message.bytes.
inline constexpr size_t kMemberIdLengthMax = 512;
inline constexpr size_t kGroupRecordBytesMax = 1'000'000;
inline constexpr size_t kPlanTasksMax = 50'000;
inline constexpr size_t kPlanInstancesMax = 2'000;
inline constexpr size_t kSubTopologiesMax = 10'000;
inline constexpr int32_t kCapacityMax = 1'000'000;

/// Values of the records, in JSON. Anybody may have written to the topics, so decoding checks
/// everything: names, ranges, order, sizes, and that only members get tasks. It ignores unknown
/// fields, so that later versions can add some. Errors: `kInvalidArgument` for values that must not
/// be encoded, `kInvalidRecord`.
Result<std::string> encode_plan(const Plan& plan);
Result<Plan> decode_plan(Bytes value);
Result<std::string> encode_report(const InstanceReport& report);
Result<InstanceReport> decode_report(Bytes value);

/// Key of a plan's record. It names the writer and the id of its membership, so that compaction
/// keeps all plans written for a generation, and the first stays the first. A report's key is the
/// instance's name.
std::string key_of(const Plan& plan);

}  // namespace millrace::engine
