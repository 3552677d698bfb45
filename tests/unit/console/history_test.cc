#include "engine/console/history.h"

#include <future>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "engine/console/sample_parser.h"

namespace millrace::engine::history_test {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Pair;
using Json = nlohmann::json;

TEST(SampleParser, SumsSeriesByNameAndByTheFirstLabel) {
  const auto sums = sum_samples(
      "# HELP lag Records.\n"
      "lag{topic=\"a b\",partition=\"0\"} 3\n"
      "lag{topic=\"a b\",partition=\"1\"} 4\n"
      "lag{topic=\"c\"} 1e2\n"
      "plain 0.5\n"
      "nonsense\n"
      "text x");
  EXPECT_THAT(sums, Contains(Pair("lag", 107)));
  EXPECT_THAT(sums, Contains(Pair("lag/a b", 7)));
  EXPECT_THAT(sums, Contains(Pair("lag/c", 100)));
  EXPECT_THAT(sums, Contains(Pair("plain", 0.5)));
  EXPECT_EQ(sums.size(), 4U);
}

Reading reading_at(int64_t at_ms, double processed, double commits) {
  return {.at_ms = at_ms,
          .lag_records = 5,
          .metrics = {{"millrace_records_processed_total", processed},
                      {"millrace_commit_phase_seconds_count/drain", commits},
                      {"millrace_commit_phase_seconds_sum/drain", commits * 0.25}},
          .resident_bytes = 9};
}

TEST(History, ShowsWhatHappenedBetweenTwoReadings) {
  History history;
  history.add(reading_at(10'000, 100, 0));
  history.add(reading_at(20'000, 150, 2));
  history.add(reading_at(30'000, 150, 2));
  const Json body = Json::parse(history.json());
  EXPECT_EQ(body["interval_ms"], 10'000);
  EXPECT_THAT(body["at_ms"], ElementsAre(20'000, 30'000));
  EXPECT_THAT(body["series"]["processed_per_second"], ElementsAre(5, 0));
  EXPECT_THAT(body["series"]["lag_records"], ElementsAre(5, 5));
  EXPECT_THAT(body["series"]["freshness_ms"], ElementsAre(nullptr, nullptr)) << "unknown";
  EXPECT_THAT(body["series"]["commit_ms.drain"], ElementsAre(250, nullptr)) << "none in the second";
  EXPECT_THAT(body["series"]["resident_bytes"], ElementsAre(9, 9));
}

TEST(History, KeepsAnHour) {
  History history;
  for (size_t i = 1; i <= History::kSamplesMax + 10; ++i) {
    history.add(reading_at(static_cast<int64_t>(i) * History::kIntervalMs, 0, 0));
  }
  const Json body = Json::parse(history.json());
  ASSERT_EQ(body["at_ms"].size(), History::kSamplesMax);
  EXPECT_EQ(body["at_ms"].front(), 11 * History::kIntervalMs);
  EXPECT_EQ(body["series"]["lag_records"].size(), History::kSamplesMax);
}

TEST(Sampler, ReadsAtOnceAndEndsWithoutWaitingForItsInterval) {
  History history;
  std::promise<void> read;
  const auto begin = std::chrono::steady_clock::now();
  {
    const Sampler sampler(history, [&read] {
      read.set_value();
      return Reading{.at_ms = 1};
    });
    ASSERT_EQ(read.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(8));
  EXPECT_GT(resident_bytes(), 1 << 20);
}

}  // namespace millrace::engine::history_test
