#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "millrace/core/topology.h"

#include "map_store.h"

namespace millrace::crm {

/// Runs the processors of a topology over several partitions, with every interleaving that a broker
/// allows: records of one sender to one partition keep their order, all else is left to chance.
///
/// No engine, no clock, and nothing in broadcast tables: it shows what the processors do with any
/// order of arrival. Timers fire in any order, too: each at some moment after it was set, before
/// `run` returns, unless their store is held. Work that processors defer is done at some moment
/// before the commit. Every record is its own commit, unless `let_crash`.
class FlowRunner {
 public:
  struct Output {
    std::string key;
    std::optional<std::string> value;
  };

  FlowRunner(const Topology& topology, int32_t partitions, uint32_t seed);
  ~FlowRunner();

  void pipe(std::string_view topic, int32_t partition, std::string value, int64_t timestamp_ms);
  /// The timers of this store do not fire.
  void hold(std::string_view timers) { held_.emplace(timers); }
  void release(std::string_view timers) { held_.erase(std::string(timers)); }
  /// From now on the partitions are divided among so many instances, each of which commits now and
  /// then, as a whole and exactly once: what its tasks wrote is seen from then on, of table sinks
  /// the latest row per key. Now and then one dies: what it did since its last commit is lost, its
  /// tasks start anew from their changelogs, and read again what was not committed.
  void let_crash(int32_t instances);
  /// How often an instance died with work that was not committed.
  size_t crashes() const { return crashes_; }
  /// Until no queue has a record left and all is committed.
  void run();

  /// Everything that a sink wrote to `topic`; of one key in the order of writing.
  const std::vector<Output>& output(std::string_view topic) const;
  MapStore& store(std::string_view name, int32_t partition);
  /// All rows of a store over all partitions.
  std::map<std::string, std::string> all_rows(std::string_view name) const;
  int32_t partitions() const { return partitions_; }
  /// Reads, writes and steps of iterators on all stores so far.
  size_t store_operations() const;

 private:
  class Context;
  class RunnerTimers;
  struct Owned {
    std::optional<std::string> key;
    std::optional<std::string> value;
    int64_t timestamp_ms = 0;
  };
  /// Node that reads, partition it reads as, partition that sent.
  using Queue = std::tuple<NodeIndex, int32_t, int32_t>;
  /// A record on its way to a topic: of an exchange, or of a sink.
  struct Written {
    NodeIndex node = 0;
    int32_t from = 0;
    Owned record{};
  };
  /// An instance's work since its last commit.
  struct Transaction {
    std::vector<std::pair<Queue, Owned>> consumed;
    std::vector<Written> written;
    bool is_open = false;
  };

  void arrive(NodeIndex node, int32_t partition, const Record& record);
  void publish(Written written);
  bool disturb();
  bool commit_one();
  void commit(size_t instance);
  void crash(size_t instance);
  Transaction* transaction_of(int32_t partition);
  int32_t partition_for(const Node& node, const Owned& record) const;
  Processor& processor(NodeIndex node, int32_t partition);
  void run_queue(size_t index);
  void fire(RunnerTimers& timers);
  void defer(NodeIndex node, int32_t partition, Bytes key, int64_t timestamp_ms);
  bool finish_deferred(NodeIndex node, int32_t partition, Bytes key);
  /// Does the deferred work of a task.
  void finish_deferred(int32_t partition);
  void to_children(NodeIndex node, int32_t partition, const Record& record);

  const Topology& topology_;
  int32_t partitions_;
  std::mt19937 random_;
  std::map<Queue, std::deque<Owned>> queues_;
  std::map<std::pair<std::string, int32_t>, MapStore, std::less<>> stores_;
  std::map<std::string, std::vector<Output>, std::less<>> outputs_;
  std::map<std::pair<std::string, int32_t>, std::unique_ptr<RunnerTimers>, std::less<>> timers_;
  std::set<std::string, std::less<>> held_;
  std::map<std::pair<NodeIndex, int32_t>, std::unique_ptr<Context>> contexts_;
  std::map<std::pair<NodeIndex, int32_t>, std::unique_ptr<Processor>> processors_;
  std::map<std::tuple<int32_t, NodeIndex, std::string>, int64_t> deferred_;  ///< timestamps
  std::vector<size_t> owners_;  ///< instance of each partition; empty: nothing crashes
  std::vector<Transaction> transactions_;
  std::map<std::pair<std::string, int32_t>, MapStore::Rows, std::less<>> changelogs_;
  size_t crashes_ = 0;
};

}  // namespace millrace::crm
