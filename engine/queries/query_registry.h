#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/engine/queries.h"

#include "engine/core/resolved_topology.h"
#include "engine/queries/data_flow.h"

namespace millrace::engine {

/// A standby that certainly had all that its changelogs held counts as at the end for so long:
/// three times the silence after which it asks again.
inline constexpr int64_t kStandbyEndKnownMs = 30'000;

/// State that the loop publishes to the threads that answer queries. Publishing copies; a query
/// holds the lock only while it looks up a reader.
class QueryRegistry final : public Queries {
 public:
  /// `instance` is named in positions.
  explicit QueryRegistry(const Clock& clock, std::string instance = "")
      : clock_(clock), instance_(std::move(instance)), with_standbys_(*this) {}

  // From the loop's thread.
  void define(std::span<const SubTopology> sub_topologies);
  using Readers = std::map<std::string, std::shared_ptr<const StoreReader>, std::less<>>;
  /// Adds a task of this instance; its stores can be read while its stage is kRunning.
  void add(TaskId task, Readers readers);
  /// `end_known_ns`: of a standby, on the steady clock: then it certainly had all that its
  /// changelogs held. Nothing: it has none, or is no standby.
  void set_info(TaskInfo info, std::optional<int64_t> end_known_ns = {});
  void remove(TaskId task);

  Result<StoreAnswer> get(std::string_view store, Bytes key, Bytes partition_key) const override {
    return get_from(Source::kActive, store, key, partition_key);
  }
  Result<std::vector<StatePosition>> scan(std::string_view store, const RowRange& range,
                                          const RowVisitor& visit) const override {
    return scan_from(Source::kActive, store, range, visit);
  }
  Result<StatePosition> scan_partition(std::string_view store, int32_t partition,
                                       const RowRange& range,
                                       const RowVisitor& visit) const override {
    return scan_task(Source::kActive, store, partition, range, visit);
  }
  std::vector<TaskInfo> tasks() const override;
  const Queries& with_standbys() const override { return with_standbys_; }

  /// The task that has the rows of a key, or of a partition, wherever it runs. Errors:
  /// `kInvalidArgument`, `kRetriable`, as reads.
  Result<TaskId> task_of(std::string_view store, Bytes key, Bytes partition_key) const;
  Result<TaskId> task_of_partition(std::string_view store, int32_t partition) const;
  Result<int32_t> partitions_of(std::string_view store) const override;
  /// How topics lead to tasks; null before `define`.
  std::shared_ptr<const DataFlow> flow() const;

 private:
  /// The tasks whose state may answer.
  enum class Source : unsigned char { kActive, kActiveOrStandby };
  class WithStandbys final : public Queries {
   public:
    explicit WithStandbys(const QueryRegistry& registry) : registry_(registry) {}
    Result<StoreAnswer> get(std::string_view store, Bytes key, Bytes partition_key) const override {
      return registry_.get_from(Source::kActiveOrStandby, store, key, partition_key);
    }
    Result<std::vector<StatePosition>> scan(std::string_view store, const RowRange& range,
                                            const RowVisitor& visit) const override {
      return registry_.scan_from(Source::kActiveOrStandby, store, range, visit);
    }
    Result<StatePosition> scan_partition(std::string_view store, int32_t partition,
                                         const RowRange& range,
                                         const RowVisitor& visit) const override {
      return registry_.scan_task(Source::kActiveOrStandby, store, partition, range, visit);
    }
    Result<int32_t> partitions_of(std::string_view store) const override {
      return registry_.partitions_of(store);
    }
    std::vector<TaskInfo> tasks() const override { return registry_.tasks(); }
    const Queries& with_standbys() const override { return *this; }

   private:
    const QueryRegistry& registry_;
  };
  struct StorePlace {
    int32_t sub_topology = 0;
    int32_t partitions = 0;
    PartitionKey partition_key{};
    std::function<bool(Bytes key)> is_hidden{};

    /// `part`: of the key, if the asker names one.
    int32_t partition(Bytes key, Bytes part) const;
  };
  struct Entry {
    Readers readers;
    TaskInfo info;
    std::optional<int64_t> end_known_ns{};
  };
  struct Found {
    std::shared_ptr<const StoreReader> reader;
    StatePosition position;
  };
  Result<StorePlace> place_of(std::string_view store) const;
  Result<Found> find(Source source, std::string_view store, TaskId task) const;
  Result<StoreAnswer> get_from(Source source, std::string_view store, Bytes key,
                               Bytes partition_key) const;
  Result<std::vector<StatePosition>> scan_from(Source source, std::string_view store,
                                               const RowRange& range,
                                               const RowVisitor& visit) const;
  Result<StatePosition> scan_task(Source source, std::string_view store, int32_t partition,
                                  const RowRange& range, const RowVisitor& visit) const;
  void set_freshness(TaskInfo& info) const;
  /// Whether a task that does not run here has state that is right, if perhaps not the latest.
  static bool has_committed_state(const TaskInfo& info);
  /// Makes the lag of a standby unknown when its ends have not been known for long. Whether it did.
  bool age_lag(TaskInfo& info, std::optional<int64_t> end_known_ns) const;
  void set_lag(TaskInfo& info, std::optional<int64_t> end_known_ns) const;

  const Clock& clock_;
  const std::string instance_;
  const WithStandbys with_standbys_;
  mutable std::mutex mutex_;
  std::map<std::string, StorePlace, std::less<>> stores_;
  std::shared_ptr<const DataFlow> flow_;
  std::map<TaskId, Entry> tasks_;
};

}  // namespace millrace::engine
