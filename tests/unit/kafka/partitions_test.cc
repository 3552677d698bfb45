#include "engine/kafka/client/partitions.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "millrace/core/record.h"

#include "tests/unit/mutator.h"

namespace millrace::engine::kafka::partitions_test {

TEST(Partitions, ACommitCarriesTheStreamTime) {
  const PartitionOffset offsets[] = {{{"a", 1}, 7, 1'000}, {{"b", 0}, 8}};
  const PartitionList list = to_commit_list(offsets);
  ASSERT_EQ(list->cnt, 2);
  const rd_kafka_topic_partition_t& first = list->elems[0];
  EXPECT_EQ(first.offset, 7);
  const std::string_view metadata(static_cast<const char*>(first.metadata), first.metadata_size);
  EXPECT_EQ(stream_time_in(metadata), 1'000);
  EXPECT_EQ(list->elems[1].metadata, nullptr);
}

TEST(Partitions, MetadataOfOthersIsNoStreamTime) {
  for (const char* metadata : {"", "stream_time_ms=", "stream_time_ms=-5", "stream_time_ms=1x",
                               "stream_time_ms=99999999999999999999", "12", "AAAA"}) {
    EXPECT_EQ(stream_time_in(metadata), -1) << metadata;
  }
  EXPECT_EQ(stream_time_in(stream_time_metadata(0)), 0);
  EXPECT_EQ(stream_time_in(stream_time_metadata(std::numeric_limits<int64_t>::max())),
            kEventTimeMaxMs);
}

// Another program may commit for the group, with any metadata, and so may a later version.
TEST(Partitions, NoMetadataGivesAStreamTimeThatIsNone) {
  Mutator mutator(3);
  size_t times = 0;
  size_t others = 0;
  for (int i = 0; i < 100'000; ++i) {
    const auto ms = static_cast<int64_t>(mutator.up_to(std::numeric_limits<int64_t>::max()));
    const std::string sound = stream_time_metadata(ms >> mutator.up_to(62));
    const std::string metadata =
        mutator.mutate(sound, std::string(mutator.up_to(40), '9')).value_or("");
    const int64_t read = stream_time_in(metadata);
    ASSERT_GE(read, -1) << metadata;
    ASSERT_LE(read, kEventTimeMaxMs) << metadata;
    ++(read >= 0 ? times : others);
    if (read < 0) continue;
    const std::string again = stream_time_metadata(read);
    ASSERT_TRUE(metadata.starts_with("stream_time_ms=")) << metadata;
    ASSERT_EQ(stream_time_in(again), read);
    if (read < kEventTimeMaxMs) {
      const std::string digits = metadata.substr(metadata.find('=') + 1);
      ASSERT_EQ(std::stoll(digits), read) << metadata;
      ASSERT_EQ(digits.find_first_not_of("0123456789"), std::string::npos) << metadata;
    }
  }
  EXPECT_GT(times, 5'000U);
  EXPECT_GT(others, 10'000U);
}

}  // namespace millrace::engine::kafka::partitions_test
