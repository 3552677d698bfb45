// The payloads of data/README.md, decoded.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "decode_fixture.h"

namespace millrace::crm::salesforce_golden_test {

constexpr const char* kContact = R"({"Contact": {
  "type": "contact",
  "parent": "AccountId",
  "fields": {
    "AccountId": "account_id",
    "FirstName": {"name": "first_name", "personal": true},
    "LastName": {"name": "last_name", "personal": true},
    "OwnerId": {"name": "owner_id", "reference": true},
    "CreatedDate": null
  }}})";

constexpr const char* kContactDecoded =
    "create sf:0032X00002QU10JQAT Contact "
    "1596116025000/1/000162ba-13b5-6862-79f9-0805a616799d sf@0b9da0810bb8f full\n"
    "  CleanStatus=Pending\n"
    "  CreatedById=0052X00000AJGNCQA5\n"
    "  LastModifiedById=0052X00000AJGNCQA5\n"
    "  LastModifiedDate=1596116025000\n"
    "  first_name=John_1241\n"
    "  last_name=Doe_19419\n"
    "  owner_id=sf:0052X00000AJGNCQA5\n";

TEST(SalesforceGolden, ConnectCreateWithItsSchema) {
  auto decoder = DecoderUnderTest::salesforce("salesforce_connect", kContact);
  std::string expected = kContactDecoded;
  const std::string plain = "LastModifiedDate=1596116025000";
  expected.replace(expected.find(plain), plain.size(),
                   "LastModifiedDate=2020-07-30T13:33:45Z (moment)");
  EXPECT_EQ(decoder.text_of(golden("salesforce_cdc/connect_ContactChangeEvent_CREATE.json")),
            expected);
}

TEST(SalesforceGolden, ConnectCreateWithoutSchema) {
  auto decoder = DecoderUnderTest::salesforce("salesforce_connect", kContact);
  const auto document =
      nlohmann::json::parse(golden("salesforce_cdc/connect_ContactChangeEvent_CREATE.json"));
  EXPECT_EQ(decoder.text_of(document["payload"].dump()), kContactDecoded);
}

constexpr const char* kAccount = R"({"Account": {
  "type": "account",
  "fields": {"BillingAddress.City": "billing_city", "BillingAddress.State": "billing_state",
             "BillingAddress.Street": "billing_street", "Fax": "fax"}}})";

TEST(SalesforceGolden, PubsubUpdateHasOnlyWhatChanged) {
  auto decoder = DecoderUnderTest::salesforce("salesforce_pubsub", kAccount);
  EXPECT_EQ(decoder.text_of(golden("salesforce_cdc/pubsub_AccountChangeEvent_UPDATE.json")),
            "update sf:0014H00002LbR7QQAV Account "
            "1696444513000/1/000046c7-a642-11e2-c29b-229c6786473e sf@0ba9a318f16e0 partial\n"
            "  LastModifiedDate=1696444513000\n"
            "  billing_city=San Francisco\n"
            "  billing_state=CA\n");
}

TEST(SalesforceGolden, PubsubNullIsOneWhenTheHeaderNamesTheField) {
  auto decoder = DecoderUnderTest::salesforce("salesforce_pubsub", kAccount);
  auto document =
      nlohmann::json::parse(golden("salesforce_cdc/pubsub_AccountChangeEvent_UPDATE.json"));
  auto& payload = document["payload"];
  payload["ChangeEventHeader"]["nulledFields"] = {"Fax", "BillingAddress.Street"};
  payload["ChangeEventHeader"]["changedFields"].push_back("Phone");
  payload["BillingAddress"]["City"] = nullptr;
  EXPECT_EQ(decoder.text_of(document.dump()),
            "update sf:0014H00002LbR7QQAV Account "
            "1696444513000/1/000046c7-a642-11e2-c29b-229c6786473e sf@0ba9a318f16e0 partial\n"
            "  LastModifiedDate=1696444513000\n"
            "  Phone is null\n"
            "  billing_city is null\n"
            "  billing_state=CA\n"
            "  billing_street is null\n"
            "  fax is null\n");
}

}  // namespace millrace::crm::salesforce_golden_test
