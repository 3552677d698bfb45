// Whole tables, documents and records that are no changes: `data/*/expected.md` says why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "case_world.h"

namespace millrace::crm::cases::table_cases_test {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(TableCases, UpdateOfADocumentBringsOnlyWhatChanged) {
  const auto world = CaseWorld::of_case("50-mongo-update-without-document");
  EXPECT_EQ(world->account("mg:65f0a1b2c3d4e5f601020304"),
            "Active address.city=Ulm address.zip=53111 name=Anne Marie revenue is null "
            "tags=[\"a\",\"b\"]");
  EXPECT_EQ(world->account("mg:1005"), "");
  EXPECT_EQ(world->dead_letters(), 0U);
}

TEST(TableCases, TruncateDeletesWhatTheTableHad) {
  const auto world = CaseWorld::of_case("51-pg-truncate");
  world->run_sweeps();
  for (const char* id : {"pg:5101", "pg:5102", "pg:5105"}) {
    EXPECT_TRUE(world->was_deleted(id)) << id;
  }
  EXPECT_EQ(world->account("pg:5104"), "Active name=After");
  EXPECT_EQ(world->account("pg:5103"), "Active name=Other table");
}

TEST(TableCases, NoiseIsSkipped) {
  const auto world = CaseWorld::of_case("52-debezium-noise");
  EXPECT_EQ(world->account("pg:5201"), "Active name=B");
  EXPECT_EQ(world->dead_letters(), 0U);
}

TEST(TableCases, LoadAfterAnOverflowDeletesWhatItDidNotBring) {
  const auto world = CaseWorld::of_case("53-salesforce-overflow-and-load");
  world->run_sweeps();
  EXPECT_THAT(world->account("sfc:001530000000001AAA"), HasSubstr("name=A after the overflow"));
  EXPECT_TRUE(world->was_deleted("sfc:001530000000002AAA"));
  EXPECT_THAT(world->account("sfc:001530000000003AAA"), StartsWith("Active"));
  EXPECT_THAT(world->account("sfc:001530000000004AAA"), StartsWith("Active"));
  EXPECT_EQ(world->dead_letters(), 0U);
}

}  // namespace millrace::crm::cases::table_cases_test
