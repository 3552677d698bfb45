#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "millrace/operators.h"

namespace {
size_t allocations = 0;
}  // namespace

[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

namespace millrace {
namespace {

constexpr Topic<std::string, int64_t> kIn{"in"};
constexpr Topic<std::string, std::string> kRows{"rows"};
constexpr Topic<std::string, std::string> kOwners{"owners"};
constexpr Topic<std::string, std::string> kTexts{"texts"};
constexpr Topic<std::string, int64_t> kSums{"sums"};
constexpr Topic<std::string, int64_t> kForeign{"foreign"};

class NoRows final : public StoreIterator {
 public:
  bool valid() const override { return false; }
  Bytes key() const override { return {}; }
  Row row() const override { return {}; }
  void next() override {}
};

/// One row, whose buffer is kept.
class OneRowStore final : public KeyValueStore {
 public:
  Row get(Bytes) override { return has_row_ ? Row{Bytes(value_), 0} : Row(); }
  void put(Bytes, Bytes value, int64_t) override {
    value_ = value.view();
    has_row_ = true;
  }
  void erase(Bytes, int64_t) override { has_row_ = false; }
  std::unique_ptr<StoreIterator> range(Bytes, Bytes) override { return nullptr; }
  std::unique_ptr<StoreIterator> prefix(Bytes) override { return std::make_unique<NoRows>(); }
  void prefetch(std::span<const Bytes>) override {}

 private:
  bool has_row_ = false;
  std::string value_;
};

/// The least that runs a topology: direct calls, exchanges included.
class Runner {
 public:
  explicit Runner(const Topology& topology) : topology_(topology) {
    for (const Node& node : topology.nodes()) {
      contexts_.push_back(std::make_unique<Context>(*this, node));
      processors_.push_back(node.factory ? node.factory() : nullptr);
      if (processors_.back()) processors_.back()->init(*contexts_.back());
    }
  }
  void deliver(NodeIndex index, const Record& record) {
    if (processors_[index]) {
      processors_[index]->process(record);
    } else if (topology_.nodes()[index].kind == NodeKind::kSink) {
      ++written;
    } else {
      contexts_[index]->forward(record);
    }
  }
  size_t written = 0;

 private:
  class Context final : public ProcessorContext {
   public:
    Context(Runner& runner, const Node& node) : runner_(runner), node_(node) {}
    void forward(const Record& record) override {
      for (const NodeIndex child : node_.children) runner_.deliver(child, record);
    }
    void forward_to(size_t child, const Record& record) override {
      runner_.deliver(node_.children[child], record);
    }
    size_t child_count() const override { return node_.children.size(); }
    size_t parent() const override { return 0; }
    KeyValueStore& store(std::string_view name) override {
      return runner_.stores_[std::string(name)];
    }
    const BroadcastRows& broadcast(std::string_view) override {
      MILLRACE_ASSERT(false, "there are no broadcast tables here; use the TopologyDriver");
      std::abort();
    }
    Timers& timers(std::string_view) override {
      MILLRACE_ASSERT(false, "this runner has no timers");
      std::abort();
    }
    TaskId task() const override { return {}; }
    int32_t partition_count() const override { return 1; }
    const RecordPosition& position() const override { return position_; }
    int64_t stream_time_ms() const override { return 0; }
    int64_t wall_time_ms() const override { return 0; }
    ScheduleId schedule(TimeKind, int64_t, std::function<void(int64_t)>) override { return {}; }
    void cancel_schedule(ScheduleId) override {}
    void request_commit() override {}
    void defer(Bytes, int64_t) override { MILLRACE_ASSERT(false, "this runner defers no work"); }
    bool finish_deferred(Bytes) override { return false; }
    void count_dropped(std::string_view) override {}
    void count_late(int64_t) override {}

   private:
    Runner& runner_;
    const Node& node_;
    RecordPosition position_;
  };

  const Topology& topology_;
  std::map<std::string, OneRowStore> stores_;
  std::vector<std::unique_ptr<Context>> contexts_;
  std::vector<std::unique_ptr<Processor>> processors_;
};

TEST(Operators, AllocateNothingInTheSteadyState) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kRows);
  const auto sums =
      builder.stream(kIn)
          .filter([](int64_t value) { return value >= 0; })
          .map([](std::string_view key, int64_t value) { return std::pair(key, value + 1); })
          .peek([](int64_t) {})
          .join(rows, [](int64_t value, std::string_view) { return value; })
          .key_by([](std::string_view key, int64_t) { return key; })
          .flat_map<std::string, int64_t>(
              [](std::string_view key, int64_t value, Emit<std::string, int64_t>& emit) {
                emit(key, value);
                emit(key, value + 1);
              })
          .aggregate("sums",
                     [](int64_t value, Maybe<int64_t> sum) { return value + (sum ? *sum : 0); });
  sums.map_values([](int64_t sum) { return sum * 2; })
      .join(rows, [](int64_t, std::string_view row) { return row; })
      .to(kTexts);
  const auto signs = builder.stream(kIn)
                         .split()
                         .branch("negative", [](int64_t value) { return value < 0; })
                         .default_branch("others");
  const auto others = signs["others"].flat_map_values<int64_t>(
      [](int64_t value, EmitValues<int64_t>& emit) { emit(value); });
  others.to({kSums, kIn}, [](int64_t value) { return value > 0 ? kSums : kIn; });
  others.group_by_key()
      .cogroup([](int64_t value, Maybe<int64_t>) { return value; })
      .cogroup(signs["negative"].group_by_key(), [](int64_t, Maybe<int64_t>) { return int64_t{0}; })
      .aggregate("latest")
      .materialize("kept")
      .to(kSums);
  sums.join(
          builder.table(kOwners), [](std::string_view key, int64_t) { return key; },
          [](int64_t sum, std::string_view) { return sum; })
      .to(kForeign);
  sums.group_by([](std::string_view key, int64_t) { return key; })
      .aggregate(
          "totals", 0L, [](int64_t value, int64_t sum) { return sum + value; },
          [](int64_t value, int64_t sum) { return sum - value; })
      .to(kSums);
  const Topology topology = std::move(builder).build().value();
  Runner runner(topology);

  std::string value;
  Serde<int64_t>::encode(7, value);
  Record row;
  row.key = "a key that is too long for a short string";
  row.value = "a row that is too long for a short string";
  Record event = row;
  event.value = value;
  const auto pipe = [&](bool has_owners) {
    for (NodeIndex i = 0; i < topology.nodes().size(); ++i) {
      if (topology.nodes()[i].kind != NodeKind::kSource) continue;
      const std::string& topic = topology.nodes()[i].topic.name;
      // A changed owner scans a store, which allocates the iterator.
      if (topic == "owners" && !has_owners) continue;
      runner.deliver(i, topic == "rows" || topic == "owners" ? row : event);
    }
  };
  for (int i = 0; i < 3; ++i) pipe(true);
  const size_t written_before = runner.written;
  const size_t allocations_before = allocations;
  for (int i = 0; i < 100; ++i) pipe(false);
  EXPECT_EQ(allocations, allocations_before);
  EXPECT_GE(runner.written, written_before + 600);
}

}  // namespace
}  // namespace millrace
