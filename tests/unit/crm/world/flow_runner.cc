#include "flow_runner.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "millrace/core/partitioner.h"

namespace millrace::crm {

namespace {

/// On an average, of all instances together.
constexpr size_t kStepsPerCommit = 6;
constexpr size_t kStepsPerCrash = 60;

class NoRows final : public BroadcastRows {
 public:
  Row get(Bytes) const override { return {}; }
  void for_each(const std::function<void(Bytes key, Row row)>&) const override {}
};

}  // namespace

class FlowRunner::RunnerTimers final : public Timers {
 public:
  RunnerTimers(std::string name, NodeIndex node, int32_t partition)
      : name_(std::move(name)), node_(node), partition_(partition) {}

  void set(Bytes key, uint8_t kind, int64_t time_ms) override {
    set_[{key.to_string(), kind}] = time_ms;
  }
  bool cancel(Bytes key, uint8_t kind) override { return set_.erase({key.to_string(), kind}) > 0; }
  std::optional<int64_t> find(Bytes key, uint8_t kind) override {
    const auto it = set_.find({key.to_string(), kind});
    return it == set_.end() ? std::nullopt : std::optional(it->second);
  }
  int64_t now_ms() const override { return 0; }

 private:
  friend class FlowRunner;
  std::string name_;
  NodeIndex node_;
  int32_t partition_;
  std::map<std::pair<std::string, uint8_t>, int64_t> set_;
  std::map<std::pair<std::string, uint8_t>, int64_t> committed_;
};

class FlowRunner::Context final : public ProcessorContext {
 public:
  Context(FlowRunner& runner, NodeIndex node, int32_t partition)
      : runner_(runner), node_(node), partition_(partition) {}

  void forward(const Record& record) override { runner_.to_children(node_, partition_, record); }
  void forward_to(size_t child, const Record& record) override {
    runner_.arrive(runner_.topology_.nodes()[node_].children.at(child), partition_, record);
  }
  size_t child_count() const override { return runner_.topology_.nodes()[node_].children.size(); }
  size_t parent() const override { return 0; }
  KeyValueStore& store(std::string_view name) override { return runner_.store(name, partition_); }
  const BroadcastRows& broadcast(std::string_view) override {
    static const NoRows no_rows;
    return no_rows;
  }
  Timers& timers(std::string_view name) override {
    auto& timers = runner_.timers_[{std::string(name), partition_}];
    if (!timers) timers = std::make_unique<RunnerTimers>(std::string(name), node_, partition_);
    return *timers;
  }
  TaskId task() const override { return {0, partition_}; }
  int32_t partition_count() const override { return runner_.partitions_; }
  const RecordPosition& position() const override { return position_; }
  int64_t stream_time_ms() const override { return 0; }
  int64_t wall_time_ms() const override { return 0; }
  ScheduleId schedule(TimeKind, int64_t, std::function<void(int64_t)>) override { return {}; }
  void cancel_schedule(ScheduleId) override {}
  void request_commit() override {}
  void defer(Bytes key, int64_t timestamp_ms) override {
    runner_.defer(node_, partition_, key, timestamp_ms);
  }
  bool finish_deferred(Bytes key) override {
    return runner_.finish_deferred(node_, partition_, key);
  }
  void count_dropped(std::string_view) override {}
  void count_late(int64_t) override {}

 private:
  FlowRunner& runner_;
  NodeIndex node_;
  int32_t partition_;
  RecordPosition position_;
};

FlowRunner::FlowRunner(const Topology& topology, int32_t partitions, uint32_t seed)
    : topology_(topology), partitions_(partitions), random_(seed) {}

FlowRunner::~FlowRunner() = default;

void FlowRunner::pipe(std::string_view topic, int32_t partition, std::string value,
                      int64_t timestamp_ms) {
  const auto& nodes = topology_.nodes();
  const auto source = std::ranges::find_if(nodes, [topic](const Node& node) {
    return node.kind == NodeKind::kSource && node.topic.name == topic;
  });
  MILLRACE_ASSERT(source != nodes.end(), "no source reads this topic");
  const auto index = static_cast<NodeIndex>(source - nodes.begin());
  queues_[{index, partition, 0}].push_back({std::nullopt, std::move(value), timestamp_ms});
}

void FlowRunner::let_crash(int32_t instances) {
  transactions_.resize(static_cast<size_t>(instances));
  std::uniform_int_distribution<size_t> any(0, transactions_.size() - 1);
  for (int32_t partition = 0; partition < partitions_; ++partition) owners_.push_back(any(random_));
}

void FlowRunner::run() {
  while (true) {
    if (disturb()) continue;
    std::vector<RunnerTimers*> armed;
    for (const auto& [key, timers] : timers_) {
      if (!timers->set_.empty() && !held_.contains(key.first)) armed.push_back(timers.get());
    }
    const size_t choices = queues_.size() + armed.size() + (deferred_.empty() ? 0 : 1);
    if (choices == 0) {
      if (commit_one()) continue;
      return;
    }
    std::uniform_int_distribution<size_t> any(0, choices - 1);
    const size_t next = any(random_);
    if (next < queues_.size()) {
      run_queue(next);
    } else if (next < queues_.size() + armed.size()) {
      fire(*armed[next - queues_.size()]);
    } else {
      finish_deferred(std::get<0>(deferred_.begin()->first));
    }
  }
}

/// Whether some instance committed or died instead of working.
bool FlowRunner::disturb() {
  if (transactions_.empty()) return false;
  std::uniform_int_distribution<size_t> any(0, transactions_.size() - 1);
  const size_t instance = any(random_);
  const size_t dice = std::uniform_int_distribution<size_t>(1, kStepsPerCrash)(random_);
  if (!transactions_[instance].is_open) return false;
  if (dice == 1) {
    crash(instance);
  } else if (dice <= 1 + kStepsPerCrash / kStepsPerCommit) {
    commit(instance);
  } else {
    return false;
  }
  return true;
}

/// False: no instance has anything to commit.
bool FlowRunner::commit_one() {
  for (size_t i = 0; i < transactions_.size(); ++i) {
    if (!transactions_[i].is_open) continue;
    commit(i);
    return true;
  }
  return false;
}

void FlowRunner::commit(size_t instance) {
  for (int32_t partition = 0; partition < partitions_; ++partition) {
    if (owners_[static_cast<size_t>(partition)] == instance) finish_deferred(partition);
  }
  const Transaction done = std::exchange(transactions_[instance], {});
  for (const auto& [key, store] : stores_) {
    if (owners_[static_cast<size_t>(key.second)] == instance) changelogs_[key] = store.rows();
  }
  for (const auto& [key, timers] : timers_) {
    if (owners_[static_cast<size_t>(key.second)] == instance) timers->committed_ = timers->set_;
  }
  std::map<std::pair<NodeIndex, std::string>, const Written*> latest;
  for (const Written& written : done.written) {
    latest[{written.node, written.record.key.value_or("")}] = &written;
  }
  for (const Written& written : done.written) {
    const bool is_latest = latest[{written.node, written.record.key.value_or("")}] == &written;
    if (is_latest || !topology_.nodes()[written.node].coalesce) publish(written);
  }
}

void FlowRunner::crash(size_t instance) {
  ++crashes_;
  const Transaction lost = std::exchange(transactions_[instance], {});
  for (auto it = lost.consumed.rbegin(); it != lost.consumed.rend(); ++it) {
    queues_[it->first].push_front(it->second);
  }
  const auto is_ours = [&](const auto& item) {
    return owners_[static_cast<size_t>(item.first.second)] == instance;
  };
  std::erase_if(processors_, is_ours);
  std::erase_if(contexts_, is_ours);
  std::erase_if(deferred_, [&](const auto& item) {
    return owners_[static_cast<size_t>(std::get<0>(item.first))] == instance;
  });
  for (auto& item : stores_) {
    if (is_ours(item)) item.second.replace(changelogs_[item.first]);
  }
  for (auto& item : timers_) {
    if (is_ours(item)) item.second->set_ = item.second->committed_;
  }
}

/// Null: nothing crashes.
FlowRunner::Transaction* FlowRunner::transaction_of(int32_t partition) {
  if (owners_.empty()) return nullptr;
  Transaction& transaction = transactions_[owners_[static_cast<size_t>(partition)]];
  transaction.is_open = true;
  return &transaction;
}

void FlowRunner::run_queue(size_t index) {
  const auto queue = std::next(queues_.begin(), static_cast<std::ptrdiff_t>(index));
  const auto [node, partition, sender] = queue->first;
  const Owned owned = std::move(queue->second.front());
  queue->second.pop_front();
  if (Transaction* open = transaction_of(partition))
    open->consumed.emplace_back(queue->first, owned);
  if (queue->second.empty()) queues_.erase(queue);
  Record record;
  if (owned.key) record.key = *owned.key;
  if (owned.value) record.value = *owned.value;
  record.timestamp_ms = owned.timestamp_ms;
  to_children(node, partition, record);
}

void FlowRunner::fire(RunnerTimers& timers) {
  std::uniform_int_distribution<size_t> any(0, timers.set_.size() - 1);
  const auto due = std::next(timers.set_.begin(), static_cast<std::ptrdiff_t>(any(random_)));
  const auto [set, time_ms] = *due;
  timers.set_.erase(due);
  transaction_of(timers.partition_);
  processor(timers.node_, timers.partition_)
      .on_timer({.timers = timers.name_, .key = set.first, .kind = set.second, .time_ms = time_ms});
}

void FlowRunner::defer(NodeIndex node, int32_t partition, Bytes key, int64_t timestamp_ms) {
  int64_t& kept_ms = deferred_[{partition, node, key.to_string()}];
  kept_ms = std::max(kept_ms, timestamp_ms);
}

bool FlowRunner::finish_deferred(NodeIndex node, int32_t partition, Bytes key) {
  const auto found = deferred_.find({partition, node, key.to_string()});
  if (found == deferred_.end()) return false;
  const auto [place, timestamp_ms] = *found;
  deferred_.erase(found);
  transaction_of(partition);
  const std::string& name = std::get<2>(place);
  processor(node, partition).on_deferred({.key = Bytes(name), .timestamp_ms = timestamp_ms});
  return true;
}

void FlowRunner::finish_deferred(int32_t partition) {
  for (;;) {
    const auto next = deferred_.lower_bound({partition, 0, ""});
    if (next == deferred_.end() || std::get<0>(next->first) != partition) return;
    const auto [owner, node, key] = next->first;
    finish_deferred(node, partition, Bytes(key));
  }
}

void FlowRunner::to_children(NodeIndex node, int32_t partition, const Record& record) {
  for (const NodeIndex child : topology_.nodes()[node].children) arrive(child, partition, record);
}

void FlowRunner::arrive(NodeIndex index, int32_t partition, const Record& record) {
  const Node& node = topology_.nodes()[index];
  for (const Bytes part : {record.key, record.value, record.old_value}) {
    MILLRACE_ASSERT(reinterpret_cast<uintptr_t>(part.data()) % 8 == 0, "parts must be aligned");
  }
  if (node.kind == NodeKind::kProcessor) return processor(index, partition).process(record);
  Written written{index, partition, {record.key.to_string(), std::nullopt, record.timestamp_ms}};
  if (!record.value.is_null()) written.record.value = record.value.to_string();
  if (node.kind == NodeKind::kExchange && node.partitions == 0 &&
      partition_for(node, written.record) == partition) {
    return to_children(index, partition, record);
  }
  if (Transaction* open = transaction_of(partition)) {
    open->written.push_back(std::move(written));
  } else {
    publish(std::move(written));
  }
}

int32_t FlowRunner::partition_for(const Node& node, const Owned& record) const {
  const Bytes key(*record.key);
  return partition_of(node.partition_key ? node.partition_key(key) : key,
                      node.partitions > 0 ? node.partitions : partitions_);
}

/// To whoever reads the topic of the node.
void FlowRunner::publish(Written written) {
  const auto& nodes = topology_.nodes();
  const Node& node = nodes[written.node];
  const int32_t to = partition_for(node, written.record);
  if (node.kind == NodeKind::kExchange) {
    queues_[{written.node, to, written.from}].push_back(std::move(written.record));
    return;
  }
  outputs_[node.topic.name].push_back({*written.record.key, written.record.value});
  for (NodeIndex reader = 0; reader < nodes.size(); ++reader) {
    if (nodes[reader].kind != NodeKind::kSource || nodes[reader].topic.name != node.topic.name) {
      continue;
    }
    queues_[{reader, to, written.from}].push_back(written.record);
  }
}

Processor& FlowRunner::processor(NodeIndex node, int32_t partition) {
  auto& processor = processors_[{node, partition}];
  if (!processor) {
    auto& context = contexts_[{node, partition}];
    context = std::make_unique<Context>(*this, node, partition);
    processor = topology_.nodes()[node].factory();
    processor->init(*context);
  }
  return *processor;
}

size_t FlowRunner::store_operations() const {
  size_t operations = 0;
  for (const auto& [key, store] : stores_) operations += store.operations();
  return operations;
}

const std::vector<FlowRunner::Output>& FlowRunner::output(std::string_view topic) const {
  static const std::vector<Output> none;
  const auto it = outputs_.find(topic);
  return it == outputs_.end() ? none : it->second;
}

MapStore& FlowRunner::store(std::string_view name, int32_t partition) {
  return stores_[{std::string(name), partition}];
}

std::map<std::string, std::string> FlowRunner::all_rows(std::string_view name) const {
  std::map<std::string, std::string> rows;
  for (const auto& [key, store] : stores_) {
    if (key.first != name) continue;
    for (const auto& [id, stored] : store.rows()) {
      const bool is_first = rows.emplace(id, stored.value).second;
      MILLRACE_ASSERT(is_first, "two tasks have the same row");
    }
  }
  return rows;
}

}  // namespace millrace::crm
