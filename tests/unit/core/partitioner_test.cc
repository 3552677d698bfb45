#include "millrace/core/partitioner.h"

#include <gtest/gtest.h>

namespace millrace::partitioner_test {

/// The vectors of `UtilsTest.testMurmur2` in Apache Kafka.
TEST(Partitioner, HashesLikeTheJavaClient) {
  EXPECT_EQ(murmur2("21"), -973932308);
  EXPECT_EQ(murmur2("foobar"), -790332482);
  EXPECT_EQ(murmur2("a-little-bit-long-string"), -985981536);
  EXPECT_EQ(murmur2("a-little-bit-longer-string"), -1486304829);
  EXPECT_EQ(murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
  EXPECT_EQ(murmur2("abc"), 479470107);
}

TEST(Partitioner, MasksTheSignBeforeItDivides) {
  EXPECT_EQ(partition_of("21", 7), (-973932308 & 0x7fffffff) % 7);
  EXPECT_EQ(partition_of("abc", 7), 479470107 % 7);
  EXPECT_EQ(partition_of("anything", 1), 0);
}

TEST(Partitioner, TakesAnEmptyKey) {
  const int32_t partition = partition_of("", 12);
  EXPECT_GE(partition, 0);
  EXPECT_LT(partition, 12);
}

}  // namespace millrace::partitioner_test
