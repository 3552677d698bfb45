#include "activity_summaries.h"

#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "checked_activities.h"

namespace {

millrace::Flat<example::Activity> activity(int minutes, bool is_final) {
  example::ActivityT activity;
  activity.minutes = minutes;
  activity.is_final = is_final;
  return millrace::Flat<example::Activity>(activity);
}

millrace::Flat<example::Account> account(const std::string& name) {
  example::AccountT account;
  account.name = name;
  return millrace::Flat<example::Account>(account);
}

TEST(ActivitySummaries, SumFinalActivitiesOfKnownAccounts) {
  millrace::testing::TopologyDriver driver{activity_summaries()};
  driver.pipe(kAccounts, "A-1", account("Acme"), 1'000);
  driver.run();
  driver.pipe(kActivities, "A-1", activity(30, true), 2'000);
  driver.pipe(kActivities, "A-1", activity(15, false), 3'000);
  driver.pipe(kActivities, "A-2", activity(60, true), 4'000);
  driver.pipe(kActivities, "A-1", activity(20, true), 5'000);
  driver.run();
  // The engine may send only the latest row of a commit, so the last one counts.
  const auto summaries = driver.read(kSummaries);
  ASSERT_FALSE(summaries.empty());
  for (const auto& summary : summaries) EXPECT_EQ(summary.key(), "A-1");
  EXPECT_EQ(summaries.back().value().account_name()->string_view(), "Acme");
  EXPECT_EQ(summaries.back().value().activities(), 2);
  EXPECT_EQ(summaries.back().value().minutes(), 50);
}

TEST(CheckedActivities, GoToTheSideOutputWhenTheyHaveNoLength) {
  millrace::testing::TopologyDriver driver{checked_activities()};
  driver.pipe(kActivities, "A-1", activity(30, true), 1'000);
  driver.pipe(kActivities, "A-2", activity(0, true), 2'000);
  driver.run();
  const auto checked = driver.read(kChecked);
  ASSERT_EQ(checked.size(), 1U);
  EXPECT_EQ(checked[0].value().minutes(), 30);
  const auto rejected = driver.read(kRejected);
  ASSERT_EQ(rejected.size(), 1U);
  EXPECT_EQ(rejected[0].key(), "A-2");
  EXPECT_EQ(rejected[0].value(), "no minutes");
}

}  // namespace
