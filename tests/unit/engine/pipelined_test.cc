#include <chrono>
#include <condition_variable>
#include <mutex>

#include <gmock/gmock.h>

#include "cluster.h"
#include "small_topologies.h"

namespace millrace::engine::pipelined_test {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;
using ::testing::SizeIs;

/// Holds the round trips of commits until the loop has done some work meanwhile.
class Gate {
 public:
  /// A turn of the loop took so many records further.
  void count(int64_t records) {
    const std::lock_guard lock(mutex_);
    records_ = records;
    changed_.notify_all();
  }
  /// In the round trip: waits until `more` records were processed, or it is clear that the loop
  /// itself waits.
  void hold(int64_t more) {
    std::unique_lock lock(mutex_);
    const int64_t wanted = records_ + more;
    gave_up_ |= !changed_.wait_for(lock, std::chrono::seconds(20),
                                   [&] { return is_open_ || records_ >= wanted; });
    ++passed_;
  }
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  int passed() const {
    const std::lock_guard lock(mutex_);
    return passed_;
  }
  bool gave_up() const {
    const std::lock_guard lock(mutex_);
    return gave_up_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int64_t records_ = 0;
  int passed_ = 0;
  bool is_open_ = false;
  bool gave_up_ = false;
};

constexpr int64_t kHeldRecords = 100;

class GatedProducer final : public Producer {
 public:
  GatedProducer(std::unique_ptr<Producer> producer, Gate& gate)
      : producer_(std::move(producer)), gate_(gate) {}

  Status commit_transaction() override {
    gate_.hold(kHeldRecords);
    return producer_->commit_transaction();
  }

  Result<int32_t> topic_handle(const std::string& topic) override {
    return producer_->topic_handle(topic);
  }
  Status init_transactions() override { return producer_->init_transactions(); }
  Status begin_transaction() override { return producer_->begin_transaction(); }
  Status send(const OutgoingRecord& record) override { return producer_->send(record); }
  Status flush() override { return producer_->flush(); }
  Status send_offsets(std::span<const PartitionOffset> offsets,
                      const GroupMetadata& group) override {
    return producer_->send_offsets(offsets, group);
  }
  Status abort_transaction() override { return producer_->abort_transaction(); }
  Status commit_offsets(std::span<const PartitionOffset> offsets,
                        const GroupMetadata& group) override {
    return producer_->commit_offsets(offsets, group);
  }
  int64_t delivered_end(int32_t topic, int32_t partition) override {
    return producer_->delivered_end(topic, partition);
  }

 private:
  std::unique_ptr<Producer> producer_;
  Gate& gate_;
};

class GatedClients final : public ClientFactory {
 public:
  GatedClients(std::unique_ptr<ClientFactory> clients, Gate& gate)
      : clients_(std::move(clients)), gate_(gate) {}

  Result<std::unique_ptr<Producer>> producer(const std::string& transactional_id,
                                             const ProducerLimits& limits) override {
    auto made = clients_->producer(transactional_id, limits);
    if (!made.ok()) return made.status();
    return std::unique_ptr<Producer>(std::make_unique<GatedProducer>(std::move(*made), gate_));
  }

  Result<std::unique_ptr<Membership>> join(const std::vector<std::string>& topics,
                                           const std::string& spare_topic,
                                           const std::string& instance) override {
    return clients_->join(topics, spare_topic, instance);
  }
  Result<std::unique_ptr<Fetcher>> fetcher(const std::string& purpose,
                                           RecordHeaders headers) override {
    return clients_->fetcher(purpose, headers);
  }
  Result<std::unique_ptr<Admin>> admin() override { return clients_->admin(); }

 private:
  std::unique_ptr<ClientFactory> clients_;
  Gate& gate_;
};

/// Work that a commit has sent or frozen did not come after it, even if some stays in memory.
TEST(Pipelined, TheLoopProcessesWhileACommitIsOnItsWay) {
  for (const bool has_rows : {true, false}) {
    int64_t processed = 0;
    const Script script{.process =
                            [&processed](ProcessorContext& context, const Record& record) {
                              ++processed;
                              context.forward(record);
                            },
                        .coalesce = has_rows};
    testing::MemoryBroker broker;
    testing::ManualClock clock{1'700'000'000'000};
    for (const char* topic : {"left", "out"}) broker.create_topic(topic, 1);
    for (int i = 0; i < 3'000; ++i) {
      broker.append({"left", 0}, {.timestamp_ms = 1'000,
                                  .key = std::to_string(i % 50),
                                  .value = std::to_string(i),
                                  .headers = {}});
    }
    Gate gate;
    GatedClients clients(broker.clients(), gate);
    EngineOptions options;
    options.application_id = "app";
    options.instance_id = "a";
    options.worker_threads = 1;
    options.state_dir = "";
    options.poll_wait_ms = 0;
    options.slice_records = 20;
    options.commit_interval_ms = 1;
    options.commit_interval_max_ms = 1;
    auto engine = Engine::create(scripted(script), options, clients, clock, {});
    ASSERT_TRUE(engine.ok()) << engine.status().message();
    while (processed < 3'000) {
      clock.advance(1);
      ASSERT_TRUE((*engine)->run_once().ok());
      gate.count(processed);
      ASSERT_FALSE(gate.gave_up()) << "the loop waits for the round trip";
    }
    gate.open();
    ASSERT_TRUE((*engine)->close().ok());
    EXPECT_GT(gate.passed(), 0);
    EXPECT_EQ(broker.committed_offset({"left", 0}), 3'000);
    EXPECT_THAT(broker.read_committed({"out", 0}),
                SizeIs(AllOf(Ge(has_rows ? 50U : 3'000U), Le(3'000U))));
  }
}

TEST(Pipelined, ARunThatRepeatsHasTurnsBeforeAndAfterTheRoundTrip) {
  std::vector<std::string> runs;
  for (int run = 0; run < 2; ++run) {
    int64_t processed = 0;
    std::map<CommitStep, int64_t> processed_at;
    std::string steps;
    Cluster cluster(
        [&processed] {
          return scripted(
              {.process = [&processed](ProcessorContext& context, const Record& record) {
                ++processed;
                context.forward(record);
              }});
        },
        1);
    cluster.is_pipelined = true;
    cluster.options.slice_records = 20;
    cluster.options.commit_interval_ms = 1;
    cluster.options.commit_interval_max_ms = 1;
    cluster.hooks.is_repeatable = true;
    cluster.hooks.on_commit_step = [&](CommitStep step) {
      processed_at.try_emplace(step, processed);
      steps += std::string(to_string(step)) + "=" + std::to_string(processed) + " ";
      return Status();
    };
    for (int i = 0; i < 500; ++i) cluster.pipe("left", std::to_string(i), "v");
    ASSERT_TRUE(cluster.start("a"));
    ASSERT_TRUE(cluster.settle());
    EXPECT_GT(processed_at[CommitStep::kOffsetsSent], processed_at[CommitStep::kChangelogSent]);
    EXPECT_GT(processed_at[CommitStep::kTaskApplied],
              processed_at[CommitStep::kTransactionCommitted]);
    EXPECT_THAT(cluster.broker.read_committed({"out", 0}), SizeIs(500));
    runs.push_back(steps);
  }
  EXPECT_EQ(runs[0], runs[1]);
}

}  // namespace millrace::engine::pipelined_test
