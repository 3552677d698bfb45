#include "engine/group/group_log.h"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "engine/group/gone_reports.h"
#include "engine/testing/memory_broker.h"

namespace millrace::engine::group_log_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GroupLogTest : public ::testing::Test {
 protected:
  GroupLogTest() {
    broker_.create_topic(topics_.plan, 1);
    broker_.create_topic(topics_.instances, 1);
  }

  std::unique_ptr<GroupLog> open() {
    auto log = GroupLog::open(*clients_, *admin_, "app");
    EXPECT_TRUE(log.ok());
    while (!(*log)->is_current()) EXPECT_TRUE((*log)->poll().ok());
    return std::move(*log);
  }
  static void catch_up(GroupLog& log) {
    while (*log.poll()) {
    }
  }
  static Plan plan(int32_t generation, const std::string& writer, const std::string& id = "1") {
    Plan made;
    made.generation = generation;
    made.writer = writer;
    made.members = {{writer, writer + "-" + id}};
    made.placements = {{{0, 0}, writer, {}, {}}};
    return made;
  }
  static InstanceReport report(const std::string& instance, int64_t held) {
    InstanceReport made;
    made.instance = instance;
    made.held[{0, 0}] = held;
    return made;
  }
  void write(const std::string& topic, const std::string& key, const std::string& value) {
    broker_.append({topic, 0}, {.timestamp_ms = 1, .key = key, .value = value, .headers = {}});
  }

  testing::MemoryBroker broker_;
  std::unique_ptr<ClientFactory> clients_ = broker_.clients();
  std::unique_ptr<Admin> admin_ = clients_->admin().value();
  const GroupTopics topics_ = group_topics("app");
};

TEST_F(GroupLogTest, OfAGenerationTheFirstPlanCountsWhoeverWritesLater) {
  const auto log = open();
  ASSERT_TRUE(log->publish(plan(3, "a")).ok());
  ASSERT_TRUE(log->publish(plan(4, "b")).ok());
  ASSERT_TRUE(log->publish(plan(3, "late")).ok());
  catch_up(*log);
  EXPECT_EQ(log->plan_of(3, 0)->plan.writer, "a");
  broker_.compact(topics_.plan);
  EXPECT_EQ(open()->plan_of(3, 0)->plan.writer, "a") << "compaction does not change who was first";
}

TEST_F(GroupLogTest, APlanFromBeforeOneJoinedIsOfAnotherLifeOfTheGroup) {
  const auto log = open();
  ASSERT_TRUE(log->publish(plan(1, "a", "old")).ok());
  catch_up(*log);
  const int64_t joined = log->plans_end();
  EXPECT_EQ(log->plan_of(1, joined), nullptr);
  ASSERT_TRUE(log->publish(plan(1, "a", "new")).ok());
  catch_up(*log);
  EXPECT_EQ(log->plan_of(1, joined)->plan.members.at("a"), "a-new");
  EXPECT_EQ(log->plan_of(2, joined), nullptr);
}

TEST_F(GroupLogTest, APlanUnderAnotherPlansKeyIsPassedOver) {
  write(topics_.plan, key_of(plan(3, "b")), encode_plan(plan(3, "a")).value());
  const auto log = open();
  EXPECT_TRUE(log->plans().empty());
}

TEST_F(GroupLogTest, TheLatestReportOfAnInstanceCounts) {
  const auto log = open();
  ASSERT_TRUE(log->publish(report("a", 5)).ok());
  ASSERT_TRUE(log->publish(report("b", 6)).ok());
  ASSERT_TRUE(log->publish(report("a", 9)).ok());
  const auto other = open();
  EXPECT_EQ(other->reports().at("a").report, report("a", 9));
  EXPECT_EQ(other->reports().at("b").report, report("b", 6));
}

TEST_F(GroupLogTest, WhatDoesNotDecodeIsPassedOver) {
  write(topics_.plan, "x", "no plan");
  write(topics_.instances, "x", "no report");
  write(topics_.instances, "b", encode_report(report("a", 5)).value());
  write(topics_.plan, "incarnation/../../etc", "x");
  const auto log = open();
  EXPECT_TRUE(log->plans().empty());
  EXPECT_TRUE(log->reports().empty());
  EXPECT_TRUE(log->incarnation().empty());
  ASSERT_TRUE(log->publish(plan(1, "a")).ok());
  catch_up(*log);
  EXPECT_NE(log->plan_of(1, 0), nullptr);
}

TEST_F(GroupLogTest, ManyBadRecordsAreOneLineInTheLog) {
  for (int i = 0; i < 100; ++i) write(topics_.instances, "x", "no report");
  std::ostringstream lines;
  const auto logger = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines)));
  const auto log = open();
  write(topics_.plan, "x", "no plan");
  catch_up(*log);
  spdlog::set_default_logger(logger);
  EXPECT_THAT(lines.str(), HasSubstr("app-instances/0@0 records_so_far=1: "));
  const std::string text = lines.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST_F(GroupLogTest, ATopicDeletedMeanwhileIsAnErrorThatNamesIt) {
  const auto log = open();
  ASSERT_TRUE(log->publish(report("a", 5)).ok());
  catch_up(*log);
  broker_.delete_topic(topics_.instances);
  const auto deleted = log->poll();
  EXPECT_EQ(deleted.code(), ErrorCode::kConfig);
  EXPECT_THAT(deleted.message(), HasSubstr("topic 'app-instances' was deleted"));
  broker_.create_topic(topics_.instances, 1);
  const auto made_anew = log->poll();
  EXPECT_EQ(made_anew.code(), ErrorCode::kConfig);
  EXPECT_THAT(made_anew.message(), HasSubstr("Start all instances"));
}

TEST_F(GroupLogTest, ReportsOfInstancesWithoutASignOfLifeAreFound) {
  constexpr int64_t kMinuteNs = 60'000'000'000;
  const auto log = open();
  GoneReports gone;
  const Plan present = plan(1, "a");
  for (const char* const instance : {"a", "b", "c"}) {
    ASSERT_TRUE(log->publish(report(instance, 5)).ok());
  }
  catch_up(*log);
  EXPECT_THAT(gone.find(*log, present, kMinuteNs), IsEmpty());
  EXPECT_THAT(gone.find(*log, present, 6 * kMinuteNs), IsEmpty());
  ASSERT_TRUE(log->publish(report("b", 5)).ok());  // is about to join
  catch_up(*log);
  EXPECT_THAT(gone.find(*log, present, 9 * kMinuteNs), IsEmpty());
  EXPECT_THAT(gone.find(*log, present, 12 * kMinuteNs), ElementsAre("c"));
  ASSERT_TRUE(log->remove_report("c").ok());
  catch_up(*log);
  EXPECT_FALSE(log->reports().contains("c"));
  EXPECT_THAT(gone.find(*log, present, 18 * kMinuteNs), IsEmpty());
  EXPECT_THAT(gone.find(*log, present, 20 * kMinuteNs), ElementsAre("b"));
}

TEST_F(GroupLogTest, IsCurrentOnlyWithWhatWasThereWhenItWasRefreshed) {
  const auto reader = open();
  ASSERT_TRUE(open()->publish(plan(1, "a")).ok());
  EXPECT_TRUE(reader->is_current());
  reader->expect(GroupLog::ends(*admin_, topics_).value());
  EXPECT_FALSE(reader->is_current());
  catch_up(*reader);
  EXPECT_TRUE(reader->is_current());
}

TEST_F(GroupLogTest, TheFirstIncarnationCountsUntilTheTopicIsMadeAnew) {
  const auto log = open();
  ASSERT_TRUE(log->propose_incarnation().ok());
  ASSERT_TRUE(log->propose_incarnation().ok());
  catch_up(*log);
  const std::string first = log->incarnation();
  EXPECT_EQ(first.size(), 32U);
  EXPECT_EQ(open()->incarnation(), first);
  broker_.delete_topic(topics_.plan);
  broker_.create_topic(topics_.plan, 1);
  const auto anew = open();
  EXPECT_TRUE(anew->incarnation().empty());
}

TEST_F(GroupLogTest, AFailureToSendPasses) {
  const auto log = open();
  broker_.inject({testing::Operation::kSend, ErrorCode::kTimedOut, false, 1});
  EXPECT_EQ(log->publish(report("a", 5)).code(), ErrorCode::kRetriable);
  EXPECT_TRUE(log->flush().ok());
  ASSERT_TRUE(log->publish(report("a", 5)).ok());
  ASSERT_TRUE(log->flush().ok());
  catch_up(*log);
  EXPECT_EQ(log->reports().at("a").report, report("a", 5));
}

TEST_F(GroupLogTest, OldPlansAreRemovedFromTheTopic) {
  const auto log = open();
  for (int32_t generation = 1; generation <= 100; ++generation) {
    ASSERT_TRUE(log->publish(plan(generation, "a")).ok());
    catch_up(*log);
  }
  EXPECT_LT(open()->plans().size(), 70U);
  EXPECT_EQ(open()->plan_of(100, 0)->plan.generation, 100);
  size_t removed = 0;
  for (const auto& record : broker_.read_committed({topics_.plan, 0})) {
    removed += record.value ? 0 : 1;
  }
  EXPECT_GT(removed, 30U);
}

}  // namespace millrace::engine::group_log_test
