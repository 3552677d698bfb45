// The lag of a standby whose clients say once that it is at the end, as those of Kafka do.
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <gmock/gmock.h>

#include "engine/queries/row_question.h"
#include "tests/unit/engine/cluster.h"
#include "tests/unit/engine/roster/asking_clients.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::standby_lag_test {

/// Says once that it is at an end, as librdkafka does, and nothing at all while `is_cut_off`.
class QuietFetcher final : public Fetcher {
 public:
  QuietFetcher(std::unique_ptr<Fetcher> fetcher, const bool& is_cut_off)
      : fetcher_(std::move(fetcher)), is_cut_off_(is_cut_off) {}

  Status add(std::span<const PartitionOffset> partitions) override {
    return fetcher_->add(partitions);
  }
  Status remove(std::span<const TopicPartition> partitions) override {
    for (const TopicPartition& partition : partitions) told_.erase(partition);
    return fetcher_->remove(partitions);
  }
  Result<FetchOutcome> poll(const TopicPartition& partition, size_t max_records,
                            RecordBatch& batch) override {
    if (is_cut_off_) return FetchOutcome{};
    Result<FetchOutcome> polled = fetcher_->poll(partition, max_records, batch);
    if (!polled.ok() || !polled->end_offset) return polled;
    std::optional<int64_t>& told = told_[partition];
    if (std::exchange(told, polled->end_offset) == polled->end_offset) polled->end_offset.reset();
    return polled;
  }
  void wait(int64_t timeout_ms) override { fetcher_->wait(timeout_ms); }
  void wake() override { fetcher_->wake(); }
  void set_catching_up(bool catching_up) override { fetcher_->set_catching_up(catching_up); }

 private:
  std::unique_ptr<Fetcher> fetcher_;
  const bool& is_cut_off_;
  std::map<TopicPartition, std::optional<int64_t>> told_;
};

/// Clients whose restores read through a `QuietFetcher`.
class QuietClients final : public ClientFactory {
 public:
  QuietClients(std::unique_ptr<ClientFactory> clients, const bool& is_cut_off)
      : clients_(std::move(clients)), is_cut_off_(is_cut_off) {}

  bool answers_at_once() const override { return true; }
  Result<std::unique_ptr<Membership>> join(const std::vector<std::string>& topics,
                                           const std::string& spare_topic,
                                           const std::string& instance) override {
    return clients_->join(topics, spare_topic, instance);
  }
  Result<std::unique_ptr<Fetcher>> fetcher(const std::string& purpose,
                                           RecordHeaders headers) override {
    Result<std::unique_ptr<Fetcher>> made = clients_->fetcher(purpose, headers);
    if (!made.ok() || purpose != "restore") return made;
    return std::unique_ptr<Fetcher>(std::make_unique<QuietFetcher>(std::move(*made), is_cut_off_));
  }
  Result<std::unique_ptr<Producer>> producer(const std::string& transactional_id,
                                             const ProducerLimits& limits) override {
    return clients_->producer(transactional_id, limits);
  }
  Result<std::unique_ptr<Admin>> admin() override { return clients_->admin(); }

 private:
  std::unique_ptr<ClientFactory> clients_;
  const bool& is_cut_off_;
};

class StandbyLag : public ::testing::Test {
 protected:
  StandbyLag() : cluster_([] { return scripted({.process = count_up, .with_store = true}); }, 1) {
    cluster_.options.standby_replicas = 1;
    cluster_.make_clients = [this] {
      return std::make_unique<AskingClients>(
          std::make_unique<QuietClients>(cluster_.broker.clients(), is_cut_off_), questions_);
    };
  }
  void SetUp() override {
    ASSERT_TRUE(cluster_.start("a"));
    ASSERT_TRUE(cluster_.start("b"));
    cluster_.pipe("left", "k", "v");
    live(20);
    ASSERT_TRUE(standby());
    ASSERT_EQ(standby()->position.lag_records, 0);
  }
  void live(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      cluster_.clock.advance(1'000);
      ASSERT_TRUE(cluster_.turn(5));
    }
  }
  /// The answer of the instance that has the copy.
  std::optional<StoreAnswer> standby() {
    for (const char* const name : {"a", "b"}) {
      Result<StoreAnswer> answer = cluster_[name].queries().with_standbys().get("rows", Bytes("k"));
      if (answer.ok() && answer->position.is_standby) return *std::move(answer);
    }
    return std::nullopt;
  }
  /// The lag as health shows it.
  int64_t shown_lag() {
    for (const char* const name : {"a", "b"}) {
      for (const TaskInfo& task : cluster_[name].queries().tasks()) {
        if (task.stage == TaskStage::kStandby) return task.lag_records;
      }
    }
    return -2;
  }

  bool is_cut_off_ = false;
  Questions questions_;
  Cluster cluster_;
};

TEST_F(StandbyLag, IsNoneWhileKafkaSaysThatNothingIsNew) {
  live(120);
  EXPECT_EQ(standby()->position.lag_records, 0);
  EXPECT_EQ(standby()->position.lag_ms, 0);
  EXPECT_EQ(shown_lag(), 0);
}

TEST_F(StandbyLag, IsUnknownOnceNothingWasHeardOfTheEndForLong) {
  is_cut_off_ = true;
  questions_.watermarks = [](const TopicPartition&) {
    return Error{ErrorCode::kRetriable, "the broker is away"};
  };
  cluster_.pipe("left", "k", "v");
  live(60);
  const StatePosition position = standby()->position;
  EXPECT_EQ(position.lag_records, -1);
  EXPECT_GE(position.lag_ms, 60'000);
  EXPECT_LE(position.lag_ms, 72'000) << "it asked at least every ten seconds before";
  EXPECT_EQ(shown_lag(), -1);
  EXPECT_FALSE(
      (StandbyBounds{.may_be_standby = true, .lag_records_max = 1'000'000}.allow(position)));
  EXPECT_FALSE((StandbyBounds{.may_be_standby = true, .lag_ms_max = 1'000}.allow(position)));
  EXPECT_TRUE((StandbyBounds{.may_be_standby = true}.allow(position)));

  is_cut_off_ = false;
  questions_.watermarks = {};
  live(20);
  EXPECT_EQ(standby()->row->value, "2");
  EXPECT_EQ(standby()->position.lag_records, 0);
  EXPECT_EQ(shown_lag(), 0);
}

/// The brokers may answer while the fetch hangs: then they say how much is new.
TEST_F(StandbyLag, IsUnknownWhileRecordsThatKafkaTellsOfDoNotCome) {
  is_cut_off_ = true;
  cluster_.pipe("left", "k", "v");
  live(60);
  EXPECT_EQ(standby()->position.lag_records, -1);
}

}  // namespace millrace::engine::standby_lag_test
