#include <vector>

#include <gmock/gmock.h>

#include "mock_cluster.h"

namespace millrace::engine::producer_gap_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A broker's word that it has a batch already gives it no offset, like what librdkafka infers from
// a later batch; the mock says so of a batch that it never had.
TEST(ProducerGap, ARecordOnlyTakenForDeliveredGivesUpTheTransaction) {
  MockCluster cluster;
  const auto clients = clients_at(cluster.bootstrap());
  const auto producer = clients->producer("tx").value();
  ASSERT_EQ(shown(producer->init_transactions()), "ok");
  ASSERT_EQ(shown(producer->begin_transaction()), "ok");
  ASSERT_EQ(shown(send(*producer, "first")), "ok");
  ASSERT_EQ(shown(producer->flush()), "ok");
  cluster.claim_to_have_next_batch();
  ASSERT_EQ(shown(send(*producer, "lost")), "ok");
  const Status committed = producer->commit_transaction();
  EXPECT_EQ(committed.code(), ErrorCode::kAborted);
  EXPECT_THAT(committed.message(),
              HasSubstr("to t/0 (key hash none, 4 bytes): not known whether the broker has it"));
  ASSERT_EQ(shown(producer->abort_transaction()), "ok");

  const auto fetcher = clients->fetcher("test", RecordHeaders::kRead).value();
  ASSERT_EQ(shown(fetcher->add(std::vector<PartitionOffset>{{{"t", 0}, 0}})), "ok");
  EXPECT_THAT(take(*fetcher, 1), ElementsAre("first"));
}

}  // namespace millrace::engine::producer_gap_test
