#include "engine/broadcast/broadcast_reader.h"

#include <deque>
#include <memory>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

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

/// Topics whose tombstones go after a day.
class BroadcastReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    broker_.create_topic("left", 1);
    broker_.create_topic("rules", 1,
                         {{"cleanup.policy", "compact"}, {"delete.retention.ms", retention_ms_}});
    const Result<ResolvedTopology> resolved =
        resolve(topology_, "app", [](const std::string&) { return std::optional<int32_t>(1); });
    ASSERT_TRUE(resolved.ok());
    ASSERT_TRUE(reader_.open(topology_, *resolved));
  }
  /// A round, which takes a millisecond.
  Result<BroadcastReader::Outcome> poll() {
    clock_.advance(1);
    return reader_.poll();
  }
  const BroadcastCopy& copy() const { return reader_.topic("rules").copy; }
  /// The time that a cursor at the topic's end has after a round.
  int64_t time_at_end() {
    EXPECT_TRUE(poll().ok());
    return copy().before_changes_ms(0, copy().end(0));
  }
  void append_rows(int count) {
    for (int i = 0; i < count; ++i) {
      broker_.append({"rules", 0}, {.timestamp_ms = 1, .key = "k", .value = "v", .headers = {}});
    }
  }
  static Result<FetchOutcome> end_at(int64_t offset) {
    return FetchOutcome{.records = 0, .end_offset = offset};
  }

  explicit BroadcastReaderTest(std::string retention_ms = "86400000")
      : retention_ms_(std::move(retention_ms)) {}

  const std::string retention_ms_;
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
  EXPECT_FALSE(poll()->is_at_end);
  answers_.push_back(end_at(0));
  EXPECT_TRUE(poll()->is_at_end);
  EXPECT_TRUE(poll()->is_at_end);
}

TEST_F(BroadcastReaderTest, IsAtNoEndAfterTheTopicWasCutBehindIt) {
  answers_.push_back(end_at(0));
  answers_.push_back(Error{ErrorCode::kNotFound, "out of range"});
  EXPECT_TRUE(poll()->is_at_end);
  EXPECT_FALSE(poll()->is_at_end);
  answers_.push_back(end_at(0));
  EXPECT_TRUE(poll()->is_at_end);
}

TEST_F(BroadcastReaderTest, HadAllOfATopicWhenItHasReadToTheEndThatKafkaNamed) {
  append_rows(2);
  EXPECT_EQ(time_at_end(), -1) << "asked at 1'001, but not read";
  append_rows(1);
  answers_.push_back(end_at(2));
  EXPECT_EQ(time_at_end(), 1'001);
  clock_.advance(10'000);
  EXPECT_EQ(time_at_end(), 1'001) << "a row is missing";
  answers_.push_back(end_at(3));
  EXPECT_EQ(time_at_end(), 11'003);
}

TEST_F(BroadcastReaderTest, DoesNotTakeSilenceOfABrokerThatIsAwayForTheEnd) {
  answers_.push_back(end_at(0));
  EXPECT_EQ(time_at_end(), 1'001);
  for (int i = 0; i < 5; ++i) {
    clock_.advance(10'000);
    broker_.inject({testing::Operation::kWatermarks, ErrorCode::kTimedOut});
    EXPECT_EQ(time_at_end(), 1'001);
  }
  clock_.advance(10'000);
  EXPECT_EQ(time_at_end(), 61'007);
}

TEST_F(BroadcastReaderTest, LoadsATopicHoweverLongThatTakes) {
  constexpr int64_t kLongMs = 20 * 3'600'000;
  append_rows(6);
  for (int i = 0; i < 3; ++i) {
    answers_.push_back(FetchOutcome{.records = 2, .end_offset = {}});
    ASSERT_TRUE(poll().ok());
    clock_.advance(kLongMs);
  }
  answers_.push_back(end_at(6));
  ASSERT_TRUE(poll().ok());
  EXPECT_TRUE(reader_.is_loaded());
  answers_.push_back(end_at(7));
  EXPECT_TRUE(poll().ok()) << "all was here a moment ago";
}

TEST_F(BroadcastReaderTest, AnAnswerFromBeforeATopicWasReadAgainSaysNothingOfTheCopy) {
  append_rows(2);
  answers_.push_back(end_at(1));
  ASSERT_TRUE(poll().ok()) << "asked, and one row is missing";
  clock_.advance(25 * 3'600'000);
  answers_.push_back(end_at(2));
  ASSERT_FALSE(poll().ok());
  answers_.push_back(end_at(2));
  ASSERT_TRUE(poll().ok());
  EXPECT_EQ(copy().complete_ms(0), clock_.now_ms());
  answers_.push_back(end_at(3));
  EXPECT_TRUE(poll().ok());
}

TEST_F(BroadcastReaderTest, ReadsATopicAgainThatItDidNotReadForLongerThanTombstonesLast) {
  constexpr int64_t kLongerMs = 25 * 3'600'000;
  answers_.push_back(end_at(0));
  ASSERT_TRUE(poll().ok());
  clock_.advance(kLongerMs);
  ASSERT_TRUE(poll().ok()) << "nothing came, so nothing is missing";
  append_rows(7);
  clock_.advance(kLongerMs);
  answers_.push_back(end_at(7));
  const auto outdated = poll();
  ASSERT_FALSE(outdated.ok());
  EXPECT_EQ(outdated.code(), ErrorCode::kRetriable);
  EXPECT_THAT(outdated.status().message(), ::testing::HasSubstr("'rules'"));
  EXPECT_FALSE(reader_.is_loaded());
  EXPECT_EQ(copy().begun_ms(), clock_.now_ms());
  answers_.push_back(end_at(7));
  ASSERT_TRUE(poll().ok());
  EXPECT_TRUE(reader_.is_loaded());
  EXPECT_EQ(copy().loaded_end(0), 7);
}

class ShortRetention : public BroadcastReaderTest {
 protected:
  ShortRetention() : BroadcastReaderTest("100") {}
};

TEST_F(ShortRetention, LeadsToNoReadingAgainAfterEachPause) {
  answers_.push_back(end_at(0));
  ASSERT_TRUE(poll().ok());
  for (int i = 1; i < 5; ++i) {
    append_rows(1);
    clock_.advance(60'000);
    answers_.push_back(end_at(i));
    ASSERT_TRUE(poll().ok());
  }
}

class LoggedOpen : public BroadcastReaderTest, public ::testing::WithParamInterface<const char*> {
 protected:
  LoggedOpen() : BroadcastReaderTest(GetParam()) {}
  void SetUp() override {
    const auto before = spdlog::default_logger();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_)));
    BroadcastReaderTest::SetUp();
    spdlog::set_default_logger(before);
  }

  std::ostringstream log_;
};
class OpenOfAShortTopic : public LoggedOpen {};
class OpenOfALongTopic : public LoggedOpen {};
INSTANTIATE_TEST_SUITE_P(Retention, OpenOfAShortTopic, ::testing::Values("100", "599999"));
INSTANTIATE_TEST_SUITE_P(Retention, OpenOfALongTopic, ::testing::Values("600000", "86400000"));

TEST_P(OpenOfALongTopic, WarnsOfNothing) {
  EXPECT_EQ(log_.str(), "");
}

TEST_P(OpenOfAShortTopic, WarnsThatAnInstanceMayBeAwayForLonger) {
  EXPECT_THAT(log_.str(),
              ::testing::HasSubstr("'rules' keeps tombstones for " + std::string(GetParam()) +
                                   " ms only: an instance that is away longer may miss deletions. "
                                   "Set its delete.retention.ms to 600000 or more"));
}

}  // namespace millrace::engine::broadcast_reader_test
