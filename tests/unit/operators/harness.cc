#include "harness.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <tuple>

#include "millrace/core/partitioner.h"

namespace millrace::testing {
namespace {

using Rows = std::map<std::string, std::pair<std::string, int64_t>>;

std::optional<std::string> owned(Bytes bytes) {
  return bytes.is_null() ? std::nullopt : std::optional(bytes.to_string());
}

Bytes viewed(const std::optional<std::string>& bytes) {
  return bytes ? Bytes(*bytes) : Bytes();
}

/// A snapshot, because nothing may be written while it lives.
class SnapshotIterator final : public StoreIterator {
 public:
  SnapshotIterator(Rows::const_iterator begin, Rows::const_iterator end) : rows_(begin, end) {
    at_ = rows_.begin();
  }
  bool valid() const override { return at_ != rows_.end(); }
  Bytes key() const override { return at_->first; }
  Row row() const override { return {Bytes(at_->second.first), at_->second.second}; }
  void next() override { ++at_; }

 private:
  Rows rows_;
  Rows::const_iterator at_;
};

class SpoilingStore final : public KeyValueStore {
 public:
  Row get(Bytes key) override {
    spoil();
    const auto row = rows.find(key.to_string());
    if (row == rows.end()) return {};
    given_ = std::make_unique<std::string>(row->second.first);
    return {Bytes(*given_), row->second.second};
  }
  void put(Bytes key, Bytes value, int64_t timestamp_ms) override {
    rows[key.to_string()] = {value.to_string(), timestamp_ms};
    spoil();
  }
  void erase(Bytes key, int64_t) override {
    rows.erase(key.to_string());
    spoil();
  }
  std::unique_ptr<StoreIterator> range(Bytes from, Bytes to) override {
    spoil();
    return std::make_unique<SnapshotIterator>(
        from.is_null() ? rows.begin() : rows.lower_bound(from.to_string()),
        to.is_null() ? rows.end() : rows.lower_bound(to.to_string()));
  }
  std::unique_ptr<StoreIterator> prefix(Bytes prefix) override {
    spoil();
    const auto begin = rows.lower_bound(prefix.to_string());
    auto end = begin;
    while (end != rows.end() && Bytes(end->first).starts_with(prefix)) ++end;
    return std::make_unique<SnapshotIterator>(begin, end);
  }
  void prefetch(std::span<const Bytes>) override {}

  Rows rows;

 private:
  /// Overwrites the view that was given last, and frees it one call later for the sanitizer.
  void spoil() {
    if (given_) given_->assign(given_->size(), '\xdd');
    spoiled_ = std::move(given_);
  }
  std::unique_ptr<std::string> given_;
  std::unique_ptr<std::string> spoiled_;
};

}  // namespace

struct Harness::Impl {
  struct Schedule {
    TimeKind kind;
    int64_t interval_ms;
    int64_t due_ms;
    std::function<void(int64_t)> callback;
  };

  class Context final : public ProcessorContext {
   public:
    Context(Impl& impl, NodeIndex index)
        : impl_(impl), index_(index), node_(impl.topology.nodes()[index]) {}
    void forward(const Record& record) override {
      for (size_t i = 0; i < child_count(); ++i) forward_to(i, record);
    }
    void forward_to(size_t child, const Record& record) override {
      const NodeIndex to = node_.children.at(child);
      const std::vector<NodeIndex>& parents = impl_.topology.nodes()[to].parents;
      impl_.contexts[to]->parent_ =
          static_cast<size_t>(std::find(parents.begin(), parents.end(), index_) - parents.begin());
      impl_.deliver(to, record);
    }
    size_t child_count() const override { return node_.children.size(); }
    size_t parent() const override { return parent_; }
    KeyValueStore& store(std::string_view name) override {
      MILLRACE_ASSERT(
          std::find(node_.stores.begin(), node_.stores.end(), name) != node_.stores.end(),
          "a processor uses a store that its node does not declare");
      return impl_.stores[std::string(name)];
    }
    const BroadcastRows& broadcast(std::string_view) override {
      MILLRACE_ASSERT(false, "there are no broadcast tables here; use the TopologyDriver");
      std::abort();
    }
    Timers& timers(std::string_view) override {
      MILLRACE_ASSERT(false, "the harness has no timers; use the TopologyDriver");
      std::abort();
    }
    TaskId task() const override { return {0, 0}; }
    int32_t partition_count() const override { return 1; }
    const RecordPosition& position() const override { return position_; }
    int64_t stream_time_ms() const override { return impl_.stream_time_ms; }
    int64_t wall_time_ms() const override { return 0; }
    ScheduleId schedule(TimeKind kind, int64_t interval_ms,
                        std::function<void(int64_t)> callback) override {
      impl_.schedules.push_back({kind, interval_ms, interval_ms, std::move(callback)});
      return {};
    }
    void cancel_schedule(ScheduleId) override {
      MILLRACE_ASSERT(false, "the harness cancels nothing; use the TopologyDriver");
    }
    void request_commit() override {
      MILLRACE_ASSERT(false, "the harness does not commit; use the TopologyDriver");
    }
    void defer(Bytes key, int64_t timestamp_ms) override {
      int64_t& asked_ms = impl_.deferred[{index_, std::string(key.view())}];
      asked_ms = std::max(asked_ms, timestamp_ms);
    }
    bool finish_deferred(Bytes) override { return false; }
    void count_dropped(std::string_view reason) override { ++impl_.dropped[std::string(reason)]; }
    void count_late(int64_t) override { count_dropped("late"); }

   private:
    Impl& impl_;
    NodeIndex index_;
    const Node& node_;
    size_t parent_ = 0;
    RecordPosition position_;
  };

  Impl(Topology made, ExchangeMode exchange_mode, int32_t task_count)
      : topology(std::move(made)), mode(exchange_mode), tasks(task_count) {
    for (NodeIndex i = 0; i < topology.nodes().size(); ++i) {
      const Node& node = topology.nodes()[i];
      contexts.push_back(std::make_unique<Context>(*this, i));
      processors.push_back(node.factory ? node.factory() : nullptr);
    }
    for (size_t i = 0; i < processors.size(); ++i) {
      if (processors[i]) processors[i]->init(*contexts[i]);
    }
  }

  void deliver(NodeIndex index, const Record& record) {
    const Node& node = topology.nodes()[index];
    if (node.kind == NodeKind::kProcessor) {
      processors[index]->process(record);
      return;
    }
    RawOut raw{owned(record.key), owned(record.value), record.timestamp_ms, {}};
    for (const Header& header : record.headers) {
      raw.headers.emplace_back(header.name, header.value.to_string());
    }
    if (node.kind == NodeKind::kSink) {
      outputs[node.topic.name].push_back(std::move(raw));
      return;
    }
    MILLRACE_ASSERT(!record.key.is_null(), "a null key reached an exchange");
    for (const auto& [type, bytes] :
         {std::pair(node.topic.key, record.key), std::pair(node.topic.value, record.value)}) {
      MILLRACE_ASSERT(bytes.is_null() || type.validate(bytes).ok(), "invalid bytes in an exchange");
    }
    const int32_t owner = partition_of(record.key, tasks);
    if (mode == ExchangeMode::kDelayed) {
      waiting.emplace_back(index, std::move(raw));
    } else if (mode == ExchangeMode::kBetweenTasks && owner != task) {
      ways[{index, task, owner}].push_back(std::move(raw));
    } else {
      pass_exchange(index, raw);
    }
  }

  void pass_exchange(NodeIndex index, const RawOut& raw) {
    Record record;
    record.key = viewed(raw.key);
    record.value = viewed(raw.value);
    record.timestamp_ms = raw.timestamp_ms;
    contexts[index]->forward(record);
  }

  bool deliver_one(size_t way) {
    if (ways.empty()) return false;
    const auto chosen = std::next(ways.begin(), static_cast<ptrdiff_t>(way % ways.size()));
    const RawOut raw = std::move(chosen->second.front());
    const NodeIndex exchange = std::get<0>(chosen->first);
    chosen->second.pop_front();
    if (chosen->second.empty()) ways.erase(chosen);
    task = partition_of(Bytes(*raw.key), tasks);
    pass_exchange(exchange, raw);
    return true;
  }

  /// Deferred work comes right behind the record that asked for it, as with a commit after each.
  void drain() {
    while (!waiting.empty() || !deferred.empty()) {
      if (waiting.empty()) {
        const auto call = deferred.extract(deferred.begin());
        const auto& [index, key] = call.key();
        processors[index]->on_deferred({Bytes(key), call.mapped()});
        continue;
      }
      const auto [index, raw] = std::move(waiting.front());
      waiting.pop_front();
      pass_exchange(index, raw);
    }
  }

  Topology topology;
  ExchangeMode mode;
  int32_t tasks;
  int32_t task = 0;  ///< that processes a record now
  std::map<std::tuple<NodeIndex, int32_t, int32_t>, std::deque<RawOut>> ways;
  std::map<std::string, SpoilingStore> stores;
  std::vector<std::unique_ptr<Context>> contexts;
  std::vector<std::unique_ptr<Processor>> processors;
  std::map<std::string, std::vector<RawOut>, std::less<>> outputs;
  std::deque<std::pair<NodeIndex, RawOut>> waiting;
  std::map<std::pair<NodeIndex, std::string>, int64_t> deferred;
  std::vector<Schedule> schedules;
  std::map<std::string, int> dropped;
  int64_t stream_time_ms = -1;
};

Harness::Harness(Result<Topology> topology, ExchangeMode mode, int32_t tasks) {
  if (!topology.ok()) {
    std::cerr << topology.message() << std::endl;
    std::abort();
  }
  impl_ = std::make_unique<Impl>(std::move(topology).value(), mode, tasks);
}

Harness::~Harness() = default;

void Harness::pipe_raw(std::string_view topic, const std::optional<std::string>& key,
                       const std::optional<std::string>& value, int64_t timestamp_ms,
                       std::vector<Header> headers) {
  const std::vector<Node>& nodes = impl_->topology.nodes();
  for (NodeIndex i = 0; i < nodes.size(); ++i) {
    if (nodes[i].kind != NodeKind::kSource || nodes[i].topic.name != topic) continue;
    Record record;
    record.key = viewed(key);
    record.value = viewed(value);
    record.timestamp_ms = nodes[i].event_time
                              ? nodes[i].event_time(record.key, record.value, timestamp_ms)
                              : timestamp_ms;
    record.headers = headers;
    impl_->task = key ? partition_of(record.key, impl_->tasks) : 0;
    impl_->stream_time_ms = std::max(impl_->stream_time_ms, record.timestamp_ms);
    impl_->contexts[i]->forward(record);
    impl_->drain();
    return;
  }
  MILLRACE_ASSERT(false, "no source reads the topic");
}

bool Harness::deliver_one(size_t way) {
  return impl_->deliver_one(way);
}

std::vector<RawOut> Harness::read_raw(std::string_view topic) {
  const auto output = impl_->outputs.find(topic);
  return output == impl_->outputs.end() ? std::vector<RawOut>() : std::exchange(output->second, {});
}

const std::map<std::string, std::pair<std::string, int64_t>>& Harness::store(
    std::string_view name) const {
  return impl_->stores.at(std::string(name)).rows;
}

void Harness::restore(std::string_view store, Bytes key, Bytes value, int64_t timestamp_ms) {
  impl_->stores[std::string(store)].put(key, value, timestamp_ms);
}

int Harness::dropped(const std::string& reason) const {
  const auto count = impl_->dropped.find(reason);
  return count == impl_->dropped.end() ? 0 : count->second;
}

void Harness::punctuate(TimeKind kind, int64_t now_ms) {
  for (Impl::Schedule& schedule : impl_->schedules) {
    if (schedule.kind != kind || now_ms < schedule.due_ms) continue;
    schedule.due_ms = now_ms + schedule.interval_ms;
    schedule.callback(now_ms);
  }
  impl_->drain();
}

}  // namespace millrace::testing
