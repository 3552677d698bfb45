#include "apps/sink/rows.h"

#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/serde.h"

#include "account_territory_generated.h"
#include "conflict_generated.h"
#include "feature_entitlement_generated.h"
#include "redirect_generated.h"
#include "tests/unit/apps/sink/records.h"

namespace millrace::apps::sink {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SinkRows : public ::testing::Test {
 protected:
  Result<RowChange> plan(size_t tables, const std::string& key, Bytes value) const {
    const Result<std::vector<TopicTables>> all = crm_tables(fields_);
    engine::RecordBatch batch;  // as the fetcher copies it, aligned
    batch.add(42, 1'000, key, value, {});
    return plan_row((*all)[tables], fields_, 3, batch.records().front());
  }
  std::string row(size_t tables, const std::string& key, Bytes value) const {
    const Result<RowChange> change = plan(tables, key, value);
    return change.ok() ? change->row : change.message();
  }

  FieldTypes fields_;
};

TEST_F(SinkRows, AnAccountIsARowAndOneForEachMember) {
  const Result<RowChange> change = plan(kAccountsAt, "a:1", account("a:1", 7));
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(
      change->row,
      "a:1\tActive\t7\t1970-01-01 00:00:00.000+00\t2\tf\tf\t[]\t0\t0\t0\t0\t0\t0\t0\t{}\t3\t42"
      "\tf\n");
  EXPECT_EQ(change->children, "a:1\ta:1\t\\N\na:1\tz:9\ta:1\n");
  EXPECT_TRUE(change->replaces);
  EXPECT_FALSE(change->deletes);
}

TEST_F(SinkRows, FieldsAreJsonByTheirTypes) {
  EXPECT_THAT(row(kAccountsAt, "a:1",
                  account("a:1", 1,
                          {{"big", "12345678901234567890.5", crm::FieldType::Decimal},
                           {"flag", "true", crm::FieldType::Boolean},
                           {"list", R"(["x"])", crm::FieldType::List},
                           {"text", "tab\tand \\"}})),
              HasSubstr(R"({"big":"12345678901234567890.5","flag":true,"list":["x"],)"
                        R"("text":"tab\\tand \\\\"})"));
}

TEST_F(SinkRows, AMappedColumnIsNullForAValueOfAnotherType) {
  fields_ = {{"closed", crm::FieldType::Date}, {"revenue", crm::FieldType::Decimal}};
  EXPECT_THAT(
      row(kAccountsAt, "a:1",
          account("a:1", 1, {{"closed", "2025-11-25", crm::FieldType::Date}, {"revenue", "much"}})),
      HasSubstr("\t2025-11-25\t\\N\t3\t42\tf\n"));
}

TEST_F(SinkRows, ATombstoneNamesItsKeyAndItsPosition) {
  const Result<RowChange> change = plan(kTerritoriesAt, std::string("a:1\0west", 8), Bytes());
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->row, "a:1\twest\t\\N\t\\N\t\\N\t3\t42\tt\n");
  EXPECT_TRUE(change->deletes);
}

TEST_F(SinkRows, KeysOfAnotherFormAreInvalid) {
  EXPECT_EQ(plan(kTerritoriesAt, "a:1", Bytes()).code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ(plan(kAccountsAt, std::string("a:1\0x", 5), Bytes()).code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ(plan(kAccountsAt, "a:2", account("a:1", 1)).code(), ErrorCode::kInvalidRecord);
}

TEST_F(SinkRows, BytesOfAnotherTypeAreInvalidAndNotQuoted) {
  const Result<RowChange> change = plan(kAccountsAt, "a:1", "secret");
  EXPECT_EQ(change.code(), ErrorCode::kInvalidRecord);
  EXPECT_THAT(change.message(), Not(HasSubstr("secret")));
}

TEST_F(SinkRows, ATerritorySaysWhy) {
  crm::AccountTerritoryT place;
  place.root = "a:1";
  place.territory = "west";
  place.rules = {"r1", "r2"};
  place.alignment_epoch = 5;
  EXPECT_EQ(
      row(kTerritoriesAt, std::string("a:1\0west", 8), Flat<crm::AccountTerritory>(place).bytes()),
      "a:1\twest\t[\"r1\",\"r2\"]\tf\t5\t3\t42\tf\n");
}

TEST_F(SinkRows, SegmentsAreRowsInTheirOrder) {
  crm::FeatureEntitlementT entitlement;
  entitlement.root = "a:1";
  entitlement.feature = "seats";
  entitlement.kind = crm::FeatureKind::QuantitySum;
  entitlement.version = 9;
  for (const int64_t from : {-1L, 86'400'000L}) {
    auto segment = std::make_unique<crm::EntitlementSegmentT>();
    segment->from_ms = from;
    segment->amount = 5;
    entitlement.segments.push_back(std::move(segment));
  }
  const Result<RowChange> change = plan(kEntitlementsAt, std::string("a:1\0seats", 9),
                                        Flat<crm::FeatureEntitlement>(entitlement).bytes());
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->row,
            "a:1\tseats\tQuantitySum\t9\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t1970-01-01 "
            "00:00:00.000+00\t0\t2\t[]\t3\t42\tf\n");
  EXPECT_EQ(change->children,
            "a:1\tseats\t0\t1969-12-31 23:59:59.999+00\t\\N\tActive\t5\t\\N\n"
            "a:1\tseats\t1\t1970-01-02 00:00:00.000+00\t\\N\tActive\t5\t\\N\n");
}

TEST_F(SinkRows, ARedirectHasTheDecidingVersion) {
  crm::RedirectT redirect;
  redirect.id = "a:2";
  redirect.survivor = "a:1";
  redirect.root = "a:1";
  redirect.decision = crm::RedirectDecision::Merged;
  redirect.version = std::make_unique<crm::VersionT>();
  redirect.version->commit_timestamp_ms = 1;
  EXPECT_EQ(
      row(kRedirectsAt, "a:2", Flat<crm::Redirect>(redirect).bytes()),
      "a:2\ta:1\ta:1\tMerged\t1970-01-01 00:00:00.001+00\t{\"commit_timestamp_ms\":1,"
      "\"sequence_number\":0,\"transaction_key\":null,\"log\":null,\"position\":null}\t[]\t3\t"
      "42\tf\n");
}

TEST_F(SinkRows, AConflictReplacesNoOther) {
  crm::ConflictT conflict;
  conflict.ids = {"a:1"};
  conflict.version = std::make_unique<crm::VersionT>();
  const Result<RowChange> change = plan(kConflictsAt, "a:1", Flat<crm::Conflict>(conflict).bytes());
  ASSERT_TRUE(change.ok());
  EXPECT_FALSE(change->replaces);
  EXPECT_THAT(change->row, HasSubstr("a:1\t3\t42\tCycleEdgeInactive\t[\"a:1\"]"));
}

}  // namespace
}  // namespace millrace::apps::sink
