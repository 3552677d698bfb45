#include "crm/model/ids.h"

#include <gtest/gtest.h>

namespace millrace::crm::ids_test {

TEST(SalesforceId, FifteenCharactersGetTheirKnownSuffix) {
  EXPECT_EQ(*canonical_salesforce_id("001D000000IqhSL"), "001D000000IqhSLIAZ");
  EXPECT_EQ(*canonical_salesforce_id("003D000000QV9n2"), "003D000000QV9n2IAD");
  EXPECT_EQ(*canonical_salesforce_id("0014H00002LbR7Q"), "0014H00002LbR7QQAV");
  EXPECT_EQ(*canonical_salesforce_id("0032X00002QU10J"), "0032X00002QU10JQAT");
  EXPECT_EQ(*canonical_salesforce_id("0052X00000AJGNC"), "0052X00000AJGNCQA5");
  EXPECT_EQ(*canonical_salesforce_id("00558000000yFyD"), "00558000000yFyDAAU");
}

TEST(SalesforceId, EighteenCharactersStayAsTheyAre) {
  EXPECT_EQ(*canonical_salesforce_id("001D000000IqhSLIAZ"), "001D000000IqhSLIAZ");
}

TEST(SalesforceId, WrongSuffixIsBadInput) {
  EXPECT_EQ(canonical_salesforce_id("001D000000IqhSLIAA").code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(canonical_salesforce_id("001d000000iqhsliaz").code(), ErrorCode::kInvalidArgument);
}

TEST(SalesforceId, OtherLengthsAndCharactersAreBadInput) {
  EXPECT_FALSE(canonical_salesforce_id("").ok());
  EXPECT_FALSE(canonical_salesforce_id("001D000000IqhSLI").ok());
  EXPECT_FALSE(canonical_salesforce_id("001D000000Iqh-L").ok());
}

TEST(InternalId, JoinsSourceAndLocalId) {
  EXPECT_EQ(*internal_id("ror", "0006s4z66"), "ror:0006s4z66");
  EXPECT_EQ(source_of("ror:0006s4z66"), "ror");
  EXPECT_TRUE(is_internal_id("sap-eu:A:1"));
}

TEST(InternalId, RefusesWhatCouldBreakKeys) {
  EXPECT_FALSE(internal_id("", "1").ok());
  EXPECT_FALSE(internal_id("Ror", "1").ok());
  EXPECT_FALSE(internal_id("ror", "").ok());
  EXPECT_FALSE(internal_id("ror", std::string("a\0b", 3)).ok());
  EXPECT_FALSE(internal_id("ror", std::string(256, 'x')).ok());
  EXPECT_FALSE(is_internal_id("0006s4z66"));
  EXPECT_FALSE(is_internal_id("ror:"));
}

}  // namespace millrace::crm::ids_test
