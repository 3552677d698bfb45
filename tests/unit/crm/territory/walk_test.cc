// The walk over the accounts that wait, whatever is to be done about them.
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crm/territory/account_index.h"
#include "crm/territory/indexed_account.h"
#include "crm/territory/realignment.h"
#include "map_store.h"

namespace millrace::crm::territory::walk_test {

using ::testing::ElementsAre;
using ::testing::SizeIs;

/// An index of accounts and the work on it, without the accounts.
class WalkTest : public ::testing::Test {
 protected:
  static constexpr size_t kAccounts = 100;

  WalkTest() {
    for (size_t i = 0; i < kAccounts; ++i) {
      const std::string number = std::to_string(i);
      AccountImage image;
      image.fields.push_back({"Number", number});
      index_.put("s:" + number, image, rules_.rules(), 0, 0);
    }
  }
  void doubt_all(int64_t timestamp_ms = 0) {
    AffectedAccounts all;
    all.all = true;
    work_.start(all, timestamp_ms);
  }
  void mention(const std::string& field) {
    work_.start(rules_
                    .apply(std::vector<RuleSetChange>{
                        ModelDefinition{"s:m", true, 1}, TerritoryDefinition{"s:t", "s:m"},
                        AssociationDefinition{"s:a", "s:r", "s:t"},
                        RuleDefinition{.id = "s:r", .items = {{field, RuleOperator::Equals, "1"}}}})
                    .affected,
                0);
  }

  /// Times at which the ranges that wait were written, in the order of the ranges.
  std::vector<int64_t> times_of_ranges() {
    std::vector<int64_t> times;
    for (const auto it = store_.prefix("s"); it->valid(); it->next()) {
      times.push_back(it->row().timestamp_ms);
    }
    return times;
  }

  MapStore store_;
  RuleSet rules_;
  AccountIndex index_{store_};
  Realignment work_{store_, rules_};
};

TEST_F(WalkTest, NoAccountWaitsLongerThanAWalkHoweverManyChangesCome) {
  std::set<std::string> visited;
  for (size_t slices = 0; slices < kAccounts / 10 + 1; ++slices) {
    doubt_all();
    for (const std::string& root : work_.next_slice(10, 0)) visited.insert(root);
  }
  EXPECT_THAT(visited, SizeIs(kAccounts));
}

TEST_F(WalkTest, RangesThatWaitAreNotWrittenAgainByLaterChanges) {
  const auto change = [this](std::vector<std::string> territories, int64_t timestamp_ms) {
    AffectedAccounts affected;
    affected.territories = std::move(territories);
    work_.start(affected, timestamp_ms);
  };
  change({"s:a", "s:c"}, 1);
  change({"s:b", "s:c"}, 2);
  EXPECT_THAT(times_of_ranges(), ElementsAre(1, 2, 1));
}

TEST_F(WalkTest, AllAccountsThatWaitAlreadyAreNotWrittenAgain) {
  doubt_all(1);
  EXPECT_THAT(work_.next_slice(10, 2), SizeIs(10));
  EXPECT_THAT(times_of_ranges(), ElementsAre(2));
  doubt_all(3);
  EXPECT_THAT(times_of_ranges(), ElementsAre(3, 2));
  doubt_all(4);
  EXPECT_THAT(times_of_ranges(), ElementsAre(3, 2));
}

TEST_F(WalkTest, FieldIsInTheIndexAfterAWalkAlthoughWorkNeverEnds) {
  mention("Number");
  for (size_t slices = 0; slices < 3 * (kAccounts / 10 + 1); ++slices) {
    EXPECT_TRUE(store_.get("qNumber"));
    doubt_all();
    work_.next_slice(10, 0);
    if (store_.get("cNumber")) break;
  }
  EXPECT_TRUE(store_.get("cNumber"));
  EXPECT_TRUE(work_.is_pending());
}

TEST_F(WalkTest, FieldCountsAsMissingInRowsFromBeforeRulesMentionedIt) {
  const uint64_t before = work_.generation();
  mention("Number");
  EXPECT_EQ(work_.generation(), before + 1);
  AccountImage image;
  EXPECT_FALSE(index_.read("s:1", work_.generation(), image));
  image = {};
  image.fields.push_back({"Number", "1"});
  image.fields.push_back({"Unmentioned", "2"});
  image.choices = {{"s:t"}, {"s:u", "s:v"}};
  index_.put("s:1", image, rules_.rules(), work_.generation(), 0);
  AccountImage read;
  ASSERT_TRUE(index_.read("s:1", work_.generation(), read));
  ASSERT_THAT(read.fields, SizeIs(1));
  EXPECT_EQ(read.fields[0].name, "Number");
  EXPECT_EQ(read.fields[0].value, "1");
  EXPECT_EQ(read.choices.manual, image.choices.manual);
  EXPECT_EQ(read.choices.excluded, image.choices.excluded);
}

TEST_F(WalkTest, RowOfAnAccountThatIsCutOffIsRefused) {
  AccountImage image;
  image.fields.push_back({"Number", "1"});
  image.choices = {{"s:t"}, {"s:u"}};
  const std::string whole = pack_account(1, image);
  EXPECT_TRUE(AccountIndex::check_row("rs:1", whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(AccountIndex::check_row("rs:1", whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(AccountIndex::check_row("rs:1", whole + "x").ok());
}

}  // namespace millrace::crm::territory::walk_test
