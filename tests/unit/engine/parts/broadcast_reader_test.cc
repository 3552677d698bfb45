#include "engine/broadcast/broadcast_reader.h"

#include <deque>

#include <gmock/gmock.h>

#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"
#include "tests/unit/engine/small_topologies.h"

namespace millrace::engine::broadcast_reader_test {

/// Answers as the test says, and then, as Kafka's client does at the end of a partition, with
/// nothing.
class ToldFetcher final : public Fetcher {
 public:
  explicit ToldFetcher(std::deque<Result<FetchOutcome>>& answers) : answers_(answers) {}

  Status add(std::span<const PartitionOffset>) override { return {}; }
  Status remove(std::span<const TopicPartition>) override { return {}; }
  Result<FetchOutcome> poll(const TopicPartition&, size_t, RecordBatch&) override {
    if (answers_.empty()) return FetchOutcome{};
    Result<FetchOutcome> answer = std::move(answers_.front());
    answers_.pop_front();
    return answer;
  }
  void wait(int64_t) override {}
  void wake() override {}
  void set_catching_up(bool) override {}

 private:
  std::deque<Result<FetchOutcome>>& answers_;
};

class BroadcastReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    broker_.create_topic("left", 1);
    broker_.create_topic("rules", 1, {{"cleanup.policy", "compact"}});
    const Result<ResolvedTopology> resolved =
        resolve(topology_, "app", [](const std::string&) { return std::optional<int32_t>(1); });
    ASSERT_TRUE(resolved.ok());
    ASSERT_TRUE(reader_.open(topology_, *resolved));
  }
  /// The time that a cursor at the topic's end has after a round, which takes a millisecond.
  int64_t time_at_end() {
    clock_.advance(1);
    EXPECT_TRUE(reader_.poll().ok());
    const BroadcastCopy& copy = reader_.topic("rules").copy;
    return copy.before_changes_ms(0, copy.end(0));
  }

  testing::MemoryBroker broker_;
  testing::ManualClock clock_{1'000};
  std::deque<Result<FetchOutcome>> answers_;
  const Topology topology_ = scripted({.broadcast = "rules"}).value();
  const EngineOptions options_;
  const std::unique_ptr<ClientFactory> clients_ = broker_.clients();
  const std::unique_ptr<Admin> admin_ = clients_->admin().value();
  Metrics metrics_{"app"};
  LineLimit lines_{clock_};
  BroadcastReader reader_{std::make_unique<ToldFetcher>(answers_),
                          *clients_,
                          *admin_,
                          options_,
                          clock_,
                          metrics_,
                          lines_};
};

TEST_F(BroadcastReaderTest, StaysAtTheEndOfATopicWhileNothingComes) {
  EXPECT_EQ(time_at_end(), -1);
  answers_.push_back(FetchOutcome{.records = 0, .end_offset = 0});
  EXPECT_EQ(time_at_end(), 1'002);
  EXPECT_EQ(time_at_end(), 1'003);
}

TEST_F(BroadcastReaderTest, IsAtNoEndWhileABrokerDoesNotAnswer) {
  answers_.push_back(FetchOutcome{.records = 0, .end_offset = 0});
  answers_.push_back(Error{ErrorCode::kRetriable, "no leader"});
  EXPECT_EQ(time_at_end(), 1'001);
  EXPECT_EQ(time_at_end(), 1'001);
  EXPECT_EQ(time_at_end(), 1'003);
}

TEST_F(BroadcastReaderTest, IsAtNoEndAfterTheTopicWasCutBehindIt) {
  answers_.push_back(FetchOutcome{.records = 0, .end_offset = 0});
  answers_.push_back(Error{ErrorCode::kNotFound, "out of range"});
  EXPECT_EQ(time_at_end(), 1'001);
  EXPECT_EQ(time_at_end(), 1'001);
  EXPECT_EQ(time_at_end(), 1'001);
  answers_.push_back(FetchOutcome{.records = 0, .end_offset = 0});
  EXPECT_EQ(time_at_end(), 1'004);
}

}  // namespace millrace::engine::broadcast_reader_test
