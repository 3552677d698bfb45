#include "apps/mapping/topic_sample.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "topics.h"

namespace millrace::apps::topic_sample_test {

using ::testing::ElementsAre;
using testing::MemoryBroker;

std::vector<int64_t> offsets_of(MemoryBroker& broker, const SampleOptions& options) {
  std::vector<int64_t> offsets;
  const auto clients = broker.clients();
  const auto outcome = sample_topic(
      *clients, "t", options, {},
      [&](int32_t, const engine::FetchedRecord& record) { offsets.push_back(record.offset); });
  EXPECT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_EQ(outcome->records, static_cast<int64_t>(offsets.size()));
  EXPECT_FALSE(outcome->is_cut);
  return offsets;
}

TEST(TopicSample, TakesTheOldestAndTheNewestOfAPartition) {
  MemoryBroker broker;
  write_topic(broker, "t", std::vector<std::string>(10, "v"));
  EXPECT_THAT(offsets_of(broker, {.records = 2}), ElementsAre(0, 1, 8, 9));
}

TEST(TopicSample, TakesNoRecordTwice) {
  MemoryBroker broker;
  write_topic(broker, "t", std::vector<std::string>(5, "v"));
  EXPECT_THAT(offsets_of(broker, {.records = 3}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(offsets_of(broker, {.records = 100}), ElementsAre(0, 1, 2, 3, 4));
}

TEST(TopicSample, SharesTheBoundAmongPartitions) {
  MemoryBroker broker;
  write_topic(broker, "t", std::vector<std::string>(40, "v"), 4);
  EXPECT_THAT(offsets_of(broker, {.records = 100, .records_max = 8}),
              ::testing::UnorderedElementsAre(0, 0, 0, 0, 9, 9, 9, 9));
}

TEST(TopicSample, EmptyAndMissingTopics) {
  MemoryBroker broker;
  write_topic(broker, "t", {});
  EXPECT_THAT(offsets_of(broker, {}), ElementsAre());
  const auto clients = broker.clients();
  const auto visit = [](int32_t, const engine::FetchedRecord&) {};
  EXPECT_EQ(sample_topic(*clients, "none", {}, {}, visit).code(), ErrorCode::kNotFound);
}

TEST(TopicSample, AStopEndsIt) {
  MemoryBroker broker;
  write_topic(broker, "t", std::vector<std::string>(5, "v"));
  const auto clients = broker.clients();
  std::stop_source stop;
  stop.request_stop();
  const auto outcome = sample_topic(*clients, "t", {}, stop.get_token(),
                                    [](int32_t, const engine::FetchedRecord&) {});
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(outcome->is_cut);
}

}  // namespace millrace::apps::topic_sample_test
