#include "engine/kafka/client/partitions.h"

#include <limits>

#include <gtest/gtest.h>

#include "millrace/core/record.h"

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

}  // namespace millrace::engine::kafka::partitions_test
