#include "engine/task/task_processors.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "millrace/core/assert.h"
#include "millrace/core/partitioner.h"

#include "engine/task/task_broadcasts.h"
#include "engine/task/task_timers.h"

namespace millrace::engine {

Moment TaskScope::now() const {
  return {stream_time_ms, timers->clock_ms(TimeKind::kStream), timers->clock_ms(TimeKind::kWall),
          position};
}

void TaskScope::show(const Moment& moment) {
  stream_time_ms = moment.stream_time_ms;
  timers->show_clocks(moment.stream_clock_ms, moment.wall_clock_ms);
  position = moment.position;
}

class TaskProcessors::Context final : public ProcessorContext {
 public:
  Context(TaskProcessors& all, uint32_t index)
      : all_(all), index_(index), resolved_(all.scope_.sub_topology->nodes[index]) {
    TaskScope& scope = all.scope_;
    for (const std::string& name : resolved_.node->stores) {
      const auto store =
          std::find_if(scope.sub_topology->stores.begin(), scope.sub_topology->stores.end(),
                       [&](const ResolvedStore& s) { return s.spec->name == name; });
      if (store->spec->timers) continue;
      stores_.emplace_back(name, &scope.state->store(name));
    }
  }

  void forward(const Record& record) override { all_.push_to_children(resolved_, record); }
  void forward_to(size_t child, const Record& record) override {
    all_.push(resolved_.children[child], record);
  }
  size_t child_count() const override { return resolved_.children.size(); }
  size_t parent() const override { return parent_; }
  void set_parent(size_t parent) { parent_ = parent; }

  KeyValueStore& store(std::string_view name) override {
    const auto found = std::find_if(stores_.begin(), stores_.end(),
                                    [&](const auto& store) { return store.first == name; });
    MILLRACE_ASSERT(found != stores_.end(), undeclared("store", name).c_str());
    return *found->second;
  }
  Timers& timers(std::string_view name) override {
    const std::vector<std::string>& declared = resolved_.node->stores;
    MILLRACE_ASSERT(std::find(declared.begin(), declared.end(), name) != declared.end(),
                    undeclared("timers", name).c_str());
    return all_.scope_.timers->timers(name);
  }
  const BroadcastRows& broadcast(std::string_view name) override {
    return all_.scope_.broadcasts->rows(resolved_.node, name);
  }

  TaskId task() const override { return all_.scope_.task; }
  int32_t partition_count() const override { return all_.scope_.sub_topology->partitions; }
  const RecordPosition& position() const override { return all_.scope_.position; }
  int64_t stream_time_ms() const override { return all_.scope_.stream_time_ms; }
  int64_t wall_time_ms() const override { return all_.scope_.clock->now_ms(); }

  ScheduleId schedule(TimeKind kind, int64_t interval_ms,
                      std::function<void(int64_t now_ms)> callback) override {
    return all_.scope_.punctuations.add(kind, interval_ms,
                                        Punctuations::elapsed_ms(*all_.scope_.clock),
                                        [this, callback = std::move(callback)](int64_t due_ms) {
                                          all_.run(*resolved_.node, [&] { callback(due_ms); });
                                        });
  }
  void cancel_schedule(ScheduleId id) override { all_.scope_.punctuations.cancel(id); }
  void request_commit() override { all_.scope_.commit_requested = true; }

  void defer(Bytes key, int64_t timestamp_ms) override {
    if (key.is_null()) throw std::invalid_argument("deferred work needs a key that is not null");
    if (all_.deferring_ == index_) throw std::logic_error("deferred work cannot defer itself");
    const RecordPosition& at = all_.scope_.position;
    all_.scope_.deferred.add(index_, key, timestamp_ms, all_.scope_.now(),
                             at.offset >= 0 ? at : all_.deferring_by_);
  }
  bool finish_deferred(Bytes key) override {
    const auto call = all_.scope_.deferred.take(index_, key);
    if (call) all_.run_deferred(*call);
    return call.has_value();
  }

  void count_dropped(std::string_view reason) override {
    auto& dropped = all_.scope_.dropped;
    if (const auto found = dropped.find(reason); found != dropped.end()) {
      ++found->second;
    } else {
      dropped.emplace(reason, 1);
    }
  }
  void count_late(int64_t late_ms) override {
    count_dropped("late");
    LateCount& late = all_.scope_.late[resolved_.node->name];
    ++late.records;
    late.ms += static_cast<double>(late_ms);
  }

 private:
  std::string undeclared(std::string_view what, std::string_view name) const {
    return fmt::format("node '{}' uses the {} '{}' without declaring it among its stores",
                       resolved_.node->name, what, name);
  }

  TaskProcessors& all_;
  const uint32_t index_;
  const ResolvedNode& resolved_;
  size_t parent_ = 0;
  std::vector<std::pair<std::string_view, KeyValueStore*>> stores_;
};

TaskProcessors::TaskProcessors(TaskScope& scope) : scope_(scope) {
  const std::vector<ResolvedNode>& nodes = scope.sub_topology->nodes;
  contexts_.resize(nodes.size());
  processors_.resize(nodes.size());
  outboxes_.resize(nodes.size());
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    if (!nodes[i].outbox.empty()) outboxes_[i] = &scope.state->store(nodes[i].outbox);
    if (nodes[i].node->kind != NodeKind::kProcessor) continue;
    contexts_[i] = std::make_unique<Context>(*this, i);
    run(*nodes[i].node, [&] { processors_[i] = nodes[i].node->factory(); });
    MILLRACE_ASSERT(processors_[i] != nullptr, "a node's factory made no processor");
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (processors_[i]) run(*nodes[i].node, [&] { processors_[i]->init(*contexts_[i]); });
  }
}

TaskProcessors::~TaskProcessors() = default;

/// An exception passes through all nodes that called the one that threw it: that first one counts.
template <class Code>
void TaskProcessors::run(const Node& node, Code&& code) {
  try {
    code();
  } catch (...) {
    if (scope_.thrown.exception != std::current_exception()) {
      scope_.thrown = {std::current_exception(), &node};
    }
    throw;
  }
}

void TaskProcessors::fire(uint32_t node, const Timer& timer) {
  run(*scope_.sub_topology->nodes[node].node, [&] { processors_[node]->on_timer(timer); });
}

void TaskProcessors::broadcast_changed(uint32_t node, const BroadcastChange& change) {
  run(*scope_.sub_topology->nodes[node].node, [&] { processors_[node]->on_change(change); });
}

void TaskProcessors::broadcast_reset(uint32_t node, std::string_view table) {
  run(*scope_.sub_topology->nodes[node].node, [&] { processors_[node]->on_reset(table); });
}

void TaskProcessors::run_deferred(const DeferredWork::Call& call) {
  struct Back {
    TaskProcessors& all;
    Moment now = all.scope_.now();
    std::optional<uint32_t> deferring = all.deferring_;
    RecordPosition deferring_by = all.deferring_by_;
    ~Back() {
      all.scope_.show(now);
      all.deferring_ = deferring;
      all.deferring_by_ = deferring_by;
    }
  };
  const Back back{*this};
  scope_.show(call.asked_at);
  deferring_ = call.node;
  deferring_by_ = call.asked_by;
  run(*scope_.sub_topology->nodes[call.node].node, [&] {
    processors_[call.node]->on_deferred({Bytes(call.key), call.timestamp_ms});
  });
}

void TaskProcessors::push_from(uint32_t input_node, const Record& record) {
  push_to_children(scope_.sub_topology->nodes[input_node], record);
}

void TaskProcessors::push_to_children(const ResolvedNode& resolved, const Record& record) {
  for (const ResolvedChild& child : resolved.children) push(child, record);
}

void TaskProcessors::push(const ResolvedChild& to, const Record& record) {
  const ResolvedNode& resolved = scope_.sub_topology->nodes[to.node];
  run(*resolved.node, [&] {
    if (Processor* const processor = processors_[to.node].get()) {
      contexts_[to.node]->set_parent(to.parent);
      processor->process(record);
    } else if (resolved.node->kind == NodeKind::kExchange) {
      exchange(resolved, record);
    } else {
      sink(to.node, record);
    }
  });
}

/// When this very task owns the key, a direct call passes the record on. A (sender, key) pair
/// always takes the same way, so the key's order holds. On both ways `old_value` stays behind: a
/// topic could not carry it.
void TaskProcessors::exchange(const ResolvedNode& resolved, const Record& record) {
  const PartitionKey& partition_key = resolved.node->partition_key;
  if (resolved.continues_here) {
    const int32_t owner = record.key.is_null()
                              ? scope_.task.partition
                              : partition_of(partition_key ? partition_key(record.key) : record.key,
                                             scope_.sub_topology->partitions);
    if (owner == scope_.task.partition) {
      Record arrived = record;
      arrived.old_value = {};
      push_to_children(resolved, arrived);
    } else {
      scope_.collector->stage(resolved.output, owner, record);
    }
    return;
  }
  scope_.collector->stage(resolved.output, partition_key, record);
}

std::optional<int32_t> TaskProcessors::picked_partition(const ResolvedNode& resolved,
                                                        const Record& record) const {
  const int32_t partitions = scope_.collector->partitions(resolved.output);
  const std::optional<int32_t> picked =
      resolved.node->partitioner(record.key, record.value, partitions);
  if (picked && (*picked < 0 || *picked >= partitions)) {
    throw std::out_of_range(
        fmt::format("the partitioner picked partition {} of {}", *picked, partitions));
  }
  return picked;
}

/// A row stands for several inputs, so headers stay behind. The commit asks for its partition; a
/// partitioner that throws shows here, where the unit can still be undone.
void TaskProcessors::sink(uint32_t node, const Record& record) {
  const ResolvedNode& resolved = scope_.sub_topology->nodes[node];
  KeyValueStore* const outbox = outboxes_[node];
  const PartitionKey& partition_key = resolved.node->partition_key;
  if (resolved.node->partitioner) {
    if (const std::optional<int32_t> partition = picked_partition(resolved, record)) {
      return scope_.collector->stage(resolved.output, *partition, record);
    }
  }
  if (!resolved.rows_in_store && (outbox == nullptr || record.key.is_null())) {
    scope_.collector->stage(resolved.output, partition_key, record);
    return;
  }
  Record row = record;
  row.headers = {};
  if (!scope_.collector->admits(resolved.output, row)) return;
  if (partition_key && !record.key.is_null()) static_cast<void>(partition_key(record.key));
  if (resolved.rows_in_store) return;
  if (record.value.is_null()) {
    outbox->erase(record.key, record.timestamp_ms);
  } else {
    outbox->put(record.key, record.value, record.timestamp_ms);
  }
}

}  // namespace millrace::engine
