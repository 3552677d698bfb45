#include "engine/changes/change_rings.h"

#include <future>
#include <string>

#include <gmock/gmock.h>

namespace millrace::engine::change_rings_test {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr TaskId kTask{0, 1};

class ChangeRingsTest : public ::testing::Test {
 protected:
  ChangeRingsTest() { rings_.open(kTask); }

  static WatchedRange key(const std::string& name) { return {kTask, "rows", name, name + '\0'}; }
  /// One round: the places that changed since the round before.
  std::vector<uint32_t> ask(std::vector<WatchedRange> ranges) {
    const ChangeReply reply = rings_.check(question_about(std::move(ranges)));
    origin_ = reply.origin;
    after_ = reply.now;
    absent_ = reply.absent;
    return reply.changed;
  }
  ChangeQuestion question_about(std::vector<WatchedRange> ranges) const {
    ChangeQuestion question{.origin = origin_, .ranges = {}};
    for (WatchedRange& rows : ranges) question.ranges.push_back({std::move(rows), after_});
    return question;
  }
  void commit(std::vector<std::string> keys) {
    rings_.publish(kTask, {{"rows", std::move(keys)}});
    rings_.notify();
  }

  ChangeRings rings_{1'000};
  std::string origin_;
  int64_t after_ = -1;
  std::vector<uint32_t> absent_;
};

TEST_F(ChangeRingsTest, TellsWhichRangesACommitChanged) {
  EXPECT_THAT(ask({key("a"), key("b")}), ElementsAre(0, 1)) << "nobody knows what was before";
  EXPECT_THAT(ask({key("a"), key("b")}), IsEmpty());
  commit({"a0", "b"});
  EXPECT_THAT(ask({key("a"), key("b"), {kTask, "rows", "a", "b"}, {kTask, "rows", "c", {}}}),
              ElementsAre(1, 2));
  EXPECT_THAT(ask({key("a"), key("b")}), IsEmpty());
}

TEST_F(ChangeRingsTest, OnlyAWatchedStoreCosts) {
  ChangeRings::Changes changes;
  rings_.list_watched(kTask, changes);
  EXPECT_THAT(changes, IsEmpty());
  ask({key("a")});
  rings_.list_watched(kTask, changes);
  EXPECT_EQ(changes.size(), 1);
  EXPECT_TRUE(changes.contains("rows"));
}

TEST_F(ChangeRingsTest, ACommitThatNobodyCollectedMayHaveChangedAll) {
  ask({key("a")});
  rings_.publish(kTask, {});
  EXPECT_THAT(ask({key("a")}), ElementsAre(0));
  EXPECT_THAT(ask({key("a")}), IsEmpty());
}

TEST_F(ChangeRingsTest, ARingThatWasCutAnswersThatAllMayHaveChanged) {
  ask({key("a")});
  for (int i = 0; i < 100; ++i) commit({"k" + std::to_string(i)});
  EXPECT_THAT(ask({key("a")}), ElementsAre(0));
  commit({"b"});
  EXPECT_THAT(ask({key("a")}), IsEmpty());
  commit(std::vector<std::string>(1'000, "b"));
  EXPECT_THAT(ask({key("a")}), ElementsAre(0)) << "a commit that is larger than the ring";
}

TEST_F(ChangeRingsTest, AnotherOriginOrOwnershipAnswersThatAllMayHaveChanged) {
  ask({key("a")});
  rings_.close(kTask);
  EXPECT_THAT(ask({key("a")}), IsEmpty());
  EXPECT_THAT(absent_, ElementsAre(0));
  rings_.open(kTask);
  EXPECT_THAT(ask({key("a")}), ElementsAre(0));
  origin_ = "another process";
  EXPECT_THAT(ask({key("a")}), ElementsAre(0));
}

TEST_F(ChangeRingsTest, AQuestionWaitsForAChange) {
  ask({key("a")});
  std::promise<ChangeReply> promise;
  std::future<ChangeReply> future = promise.get_future();
  rings_.when(question_about({key("a")}), steady_clock::now() + std::chrono::minutes(1),
              [&](ChangeReply reply) { promise.set_value(std::move(reply)); });
  commit({"b"});
  EXPECT_EQ(future.wait_for(milliseconds(50)), std::future_status::timeout);
  commit({"a"});
  ASSERT_EQ(future.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_THAT(future.get().changed, ElementsAre(0));
}

TEST_F(ChangeRingsTest, AQuestionEndsAtItsDeadlineAndACancelledOneNever) {
  ask({key("a")});
  std::promise<ChangeReply> promise;
  bool is_called = false;
  rings_.cancel(rings_.when(question_about({key("a")}),
                            steady_clock::now() + std::chrono::minutes(1),
                            [&](const ChangeReply&) { is_called = true; }));
  rings_.when(question_about({key("a")}), steady_clock::now() + milliseconds(10),
              [&](ChangeReply reply) { promise.set_value(std::move(reply)); });
  EXPECT_THAT(promise.get_future().get().changed, IsEmpty());
  commit({"a"});
  ask({key("a")});
  EXPECT_FALSE(is_called);
}

}  // namespace millrace::engine::change_rings_test
