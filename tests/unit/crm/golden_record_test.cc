#include "crm/accounts/golden_record.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::crm::golden_record_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

VersionView at(int64_t ms) {
  return {ms, 0, ""};
}

class GoldenRecordTest : public ::testing::Test {
 protected:
  GoldenRecordTest() {
    master_.fields = {{"city", std::nullopt, at(1)}, {"name", "Master", at(1)}};
    crm_.fields = {{"city", "Bonn", at(2)}, {"name", "Crm", at(5)}, {"zip", "53111", at(2)}};
    erp_.fields = {{"city", "Ulm", at(3)}, {"name", std::nullopt, at(9)}, {"zip", "89073", at(1)}};
  }

  std::vector<GoldenFieldView> golden(Survivorship rule, std::vector<std::string> sources = {}) {
    policy_.standard = {rule, std::move(sources)};
    return golden_fields("web:m", members_, policy_);
  }

  RowView master_{.id = "web:m", .status = RowStatus::Live};
  RowView crm_{.id = "crm:a", .status = RowStatus::Live};
  RowView erp_{.id = "erp:b", .status = RowStatus::Live};
  std::vector<MemberView> members_{
      {"crm:a", &crm_}, {"erp:b", &erp_}, {"web:m", &master_}, {"web:ghost", nullptr}};
  SurvivorshipPolicy policy_;
};

using Field = GoldenFieldView;

TEST_F(GoldenRecordTest, MasterWinsWithItsNullsAndGaps) {
  EXPECT_THAT(golden(Survivorship::kMasterWins),
              ElementsAre(Field{"city", std::nullopt, "web:m", at(1)},
                          Field{"name", "Master", "web:m", at(1)}));
}

TEST_F(GoldenRecordTest, MasterWithoutARowGivesNoFields) {
  members_[2].row = nullptr;
  EXPECT_THAT(golden(Survivorship::kMasterWins), IsEmpty());
}

TEST_F(GoldenRecordTest, MostRecentTakesTheHighestVersionNullToo) {
  EXPECT_THAT(
      golden(Survivorship::kMostRecent),
      ElementsAre(Field{"city", "Ulm", "erp:b", at(3)}, Field{"name", std::nullopt, "erp:b", at(9)},
                  Field{"zip", "53111", "crm:a", at(2)}));
}

TEST_F(GoldenRecordTest, SourcePriorityTakesTheFirstSourceWithAValue) {
  EXPECT_THAT(
      golden(Survivorship::kSourcePriority, {"erp", "web"}),
      ElementsAre(Field{"city", "Ulm", "erp:b", at(3)}, Field{"name", "Master", "web:m", at(1)},
                  Field{"zip", "89073", "erp:b", at(1)}));
}

TEST_F(GoldenRecordTest, FillIfNullKeepsTheMastersValues) {
  EXPECT_THAT(
      golden(Survivorship::kFillIfNull),
      ElementsAre(Field{"city", "Ulm", "erp:b", at(3)}, Field{"name", "Master", "web:m", at(1)},
                  Field{"zip", "53111", "crm:a", at(2)}));
}

TEST_F(GoldenRecordTest, FillIfNullLeavesTheMastersNullWhenNobodyHasAValue) {
  crm_.fields[0].value = erp_.fields[0].value = std::nullopt;
  EXPECT_EQ(golden(Survivorship::kFillIfNull)[0], (Field{"city", std::nullopt, "web:m", at(1)}));
}

TEST_F(GoldenRecordTest, FieldsMayHaveRulesOfTheirOwn) {
  policy_.fields["zip"] = {Survivorship::kMostRecent};
  EXPECT_THAT(
      golden(Survivorship::kMasterWins),
      ElementsAre(Field{"city", std::nullopt, "web:m", at(1)},
                  Field{"name", "Master", "web:m", at(1)}, Field{"zip", "53111", "crm:a", at(2)}));
}

TEST_F(GoldenRecordTest, DeletedMembersDoNotCount) {
  erp_.status = RowStatus::Deleted;
  EXPECT_EQ(golden(Survivorship::kMostRecent)[0], (Field{"city", "Bonn", "crm:a", at(2)}));
}

TEST_F(GoldenRecordTest, OrderOfMembersNeverMatters) {
  erp_.fields = crm_.fields;  // equal values and versions: the lower id gives the provenance
  for (const auto rule : {Survivorship::kMasterWins, Survivorship::kMostRecent,
                          Survivorship::kSourcePriority, Survivorship::kFillIfNull}) {
    const auto by_id = [](const MemberView& a, const MemberView& b) { return a.id < b.id; };
    std::ranges::sort(members_, by_id);
    const auto expected = golden(rule, {"web"});
    while (std::ranges::next_permutation(members_, by_id).found) {
      EXPECT_EQ(golden(rule, {"web"}), expected);
    }
  }
}

}  // namespace millrace::crm::golden_record_test
