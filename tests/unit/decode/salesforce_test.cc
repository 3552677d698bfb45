#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "decode_fixture.h"

namespace millrace::crm::salesforce_test {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kEntities = R"({
  "Account": {"type": "account", "fields": {
    "Name": "name", "BillingAddress.City": "city", "BillingCity": "flat_city",
    "Description": "description", "ParentId": {"name": "parent_id", "reference": true},
    "Secret__c": null}},
  "Contact": {"type": "contact", "parent": "AccountId", "fields": {"AccountId": "account_id"}}})";

/// An event with `header` members in addition to those all have, and `fields` after it.
std::string event(std::string_view type, std::string_view header, std::string_view fields,
                  std::string_view ids = R"("001000000000001AAA")",
                  std::string_view entity = "Account") {
  return fmt::format(
      R"({{"schema":"s","payload":{{"ChangeEventHeader":{{"entityName":"{}","recordIds":[{}],)"
      R"("changeType":"{}","transactionKey":"tx","sequenceNumber":2,"commitTimestamp":7{}}}{}}},)"
      R"("event":{{"replayId":5}}}})",
      entity, ids, type, header, fields);
}

std::string decoded(std::string_view format, const std::string& value) {
  return DecoderUnderTest::salesforce(format, kEntities).text_of(value);
}
std::string cometd(const std::string& value) {
  return decoded("salesforce_cometd", value);
}
std::string pubsub(const std::string& value) {
  return decoded("salesforce_pubsub", value);
}
std::string connect(const std::string& value) {
  return decoded("salesforce_connect", value);
}

TEST(Cometd, ExplicitNullIsANulledField) {
  EXPECT_EQ(cometd(event("UPDATE", "", R"(,"Name":null,"BillingAddress":{"City":"Bonn"})")),
            "update sf:001000000000001AAA Account 7/2/tx partial\n"
            "  city=Bonn\n"
            "  name is null\n");
}

TEST(Cometd, MessageOfTheChannelIsTakenToo) {
  const std::string message =
      R"({"channel":"/data/ChangeEvents","data":)" + event("CREATE", "", R"(,"Name":"A")") + "}";
  EXPECT_EQ(cometd(message), "create sf:001000000000001AAA Account 7/2/tx full\n  name=A\n");
}

TEST(Cometd, NullCompoundClearsItsParts) {
  EXPECT_EQ(cometd(event("UPDATE", "", R"(,"BillingAddress":null)")),
            "update sf:001000000000001AAA Account 7/2/tx partial\n"
            "  BillingAddress is null\n"
            "  city is null\n");
}

TEST(Cometd, WholeAndMappedPartsReplaceEachOther) {
  auto names = DecoderUnderTest::salesforce("salesforce_cometd", R"({"Account": {"type": "account",
    "fields": {"Name": "name", "Name.FirstName": "first_name", "Name.LastName": "last_name"}}})");
  EXPECT_EQ(names.text_of(event("UPDATE", "", R"(,"Name":{"FirstName":"Jo","Suffix":"Dr"})")),
            "update sf:001000000000001AAA Account 7/2/tx partial\n"
            "  Name.Suffix=Dr\n"
            "  first_name=Jo\n"
            "  name is null\n");
  EXPECT_EQ(names.text_of(event("UPDATE", "", R"(,"Name":"Acme")")),
            "update sf:001000000000001AAA Account 7/2/tx partial\n"
            "  first_name is null\n"
            "  last_name is null\n"
            "  name=Acme\n");
}

TEST(Cometd, DifferenceOfALongTextLeavesTheFieldUnknown) {
  EXPECT_EQ(cometd(event("UPDATE", "",
                         R"(,"Description":{"diff":"--- \n+++ 68\n@@ -1,1 +1,1 @@\n-a\n+b"})")),
            "update sf:001000000000001AAA Account 7/2/tx partial\n"
            "  description is unknown\n");
}

TEST(Pubsub, DifferenceIsToldByTheHeader) {
  EXPECT_EQ(
      pubsub(event("UPDATE", R"(,"diffFields":["Description"],"changedFields":["Description"])",
                   R"(,"Description":"--- \n+++ 68\n@@ -1,1 +1,1 @@\n-a\n+b","Name":null)")),
      "update sf:001000000000001AAA Account 7/2/tx partial\n"
      "  description is unknown\n");
}

TEST(Pubsub, NullsOfACreateAreNoFields) {
  EXPECT_EQ(pubsub(event("CREATE", R"(,"nulledFields":[],"changedFields":[])",
                         R"(,"Name":"A","Description":null)")),
            "create sf:001000000000001AAA Account 7/2/tx full\n  name=A\n");
}

TEST(Pubsub, HeaderMayNameAPartOfACompoundThatIsNull) {
  EXPECT_EQ(pubsub(event("UPDATE", R"(,"nulledFields":["BillingAddress.City"])",
                         R"(,"BillingAddress":null,"Name":null)")),
            "update sf:001000000000001AAA Account 7/2/tx partial\n  city is null\n");
}

TEST(Pubsub, NamedCompoundCoversItsNullParts) {
  EXPECT_EQ(pubsub(event("UPDATE", R"(,"changedFields":["BillingAddress"])",
                         R"(,"BillingAddress":{"City":null,"Street":"Main"})")),
            "update sf:001000000000001AAA Account 7/2/tx partial\n"
            "  BillingAddress.Street=Main\n  city is null\n");
}

TEST(Pubsub, BitmapsThatNobodyDecodedAreRefused) {
  EXPECT_THAT(pubsub(event("UPDATE", R"(,"changedFields":["0x410000"])", "")),
              HasSubstr("/payload/ChangeEventHeader/changedFields/0: is a bitmap"));
  EXPECT_THAT(pubsub(event("UPDATE", R"(,"nulledFields":["Name","4-0x02"])", "")),
              HasSubstr("nulledFields/1: is a bitmap"));
}

TEST(Connect, FlatPartOfAnAddressIsNamedByTheNestedName) {
  EXPECT_EQ(connect(event("UPDATE", R"(,"changedFields":["BillingAddress.City"])",
                          R"(,"BillingCity":null,"BillingStreet":null,"Id":"x","ReplayId":"1",)"
                          R"("_ObjectType":"AccountChangeEvent","_EventType":"e")")),
            "update sf:001000000000001AAA Account 7/2/tx partial\n  flat_city is null\n");
}

TEST(Connect, NullEnvelopeSaysNothing) {
  EXPECT_EQ(connect(R"({"schema":null,"payload":null})"), "skipped: null_value\n");
}

TEST(Salesforce, OneChangeForEachRecordOfAnEvent) {
  EXPECT_EQ(cometd(event("UPDATE", "", R"(,"Name":"B")",
                         R"("001000000000001AAA","001000000000002","00100000000000AAAQ")")),
            "update sf:001000000000001AAA Account 7/2/tx partial\n  name=B\n"
            "update sf:001000000000002AAA Account 7/2/tx partial\n  name=B\n"
            "update sf:00100000000000AAAQ Account 7/2/tx partial\n  name=B\n");
}

TEST(Salesforce, DeleteHasNoValues) {
  EXPECT_EQ(pubsub(event("DELETE", "", R"(,"Name":null)")),
            "delete sf:001000000000001AAA Account 7/2/tx partial\n");
}

TEST(Salesforce, UndeleteIsAFullImage) {
  EXPECT_EQ(cometd(event("UNDELETE", "", R"(,"Name":"A")")),
            "undelete sf:001000000000001AAA Account 7/2/tx full\n  name=A\n");
}

TEST(Salesforce, GapsHaveKindsAndNoFields) {
  for (const char* type : {"GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"}) {
    std::string kind = type;
    std::ranges::transform(kind, kind.begin(), [](char c) {
      return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    EXPECT_EQ(cometd(event(type, "", R"(,"Name":"A")")),
              kind + " sf:001000000000001AAA Account 7/2/tx partial\n");
  }
}

TEST(Salesforce, WildcardAndOverflowSpeakOfTheWholeEntity) {
  EXPECT_EQ(cometd(event("GAP_UPDATE", "", "", R"("001*")")),
            "overflow sf:Account Account 7/2/tx partial\n");
  EXPECT_EQ(cometd(event("UPDATE", "", "", R"("001*")")),
            "overflow sf:Account Account 7/2/tx partial\n");
  EXPECT_EQ(cometd(event("GAP_OVERFLOW", "", "", R"("000000000000000")")),
            "overflow sf:Account Account 7/2/tx partial\n");
}

TEST(Salesforce, OtherEntitiesAreSkipped) {
  EXPECT_EQ(cometd(event("UPDATE", "", R"(,"Name":"A")", R"("003000000000001AAA")", "Case")),
            "skipped: unknown_entity\n");
}

TEST(Salesforce, ValuesBecomeTexts) {
  EXPECT_EQ(
      cometd(event("UPDATE", "",
                   R"(,"A":true,"B":250000.00,"C":1e3,"D":-7,"E":[1, "x"],"F":"","G":"ü\n")")),
      "update sf:001000000000001AAA Account 7/2/tx partial\n"
      "  A=true\n  B=250000\n  C=1000\n  D=-7\n  E=[1,\"x\"]\n  F=\n  G=ü\n\n");
}

TEST(Salesforce, EqualNumbersAreEqualTextsHoweverWritten) {
  EXPECT_EQ(
      cometd(event("UPDATE", "", R"(,"A":100000.0,"B":100000,"C":1.2e8,"D":0.00001,"E":1e300)")),
      "update sf:001000000000001AAA Account 7/2/tx partial\n"
      "  A=100000\n  B=100000\n  C=120000000\n  D=0.00001\n  E=1e+300\n");
}

TEST(Salesforce, MappingDropsFieldsAndTurnsReferencesIntoIds) {
  EXPECT_EQ(cometd(event("UPDATE", "",
                         R"(,"Secret__c":"x","ParentId":"00100000000000A","parent_id":"y")")),
            "update sf:001000000000001AAA Account 7/2/tx partial\n"
            "  parent_id=sf:00100000000000AAAQ\n");
}

TEST(Salesforce, ParentIsTheIdOfTheFieldThatTheMappingNames) {
  auto decoder = DecoderUnderTest::salesforce("salesforce_cometd", kEntities);
  const auto parent = [&](std::string_view fields) {
    const auto read =
        decoder.decode(event("UPDATE", "", fields, R"("003000000000001AAA")", "Contact"));
    return parent_of(read->changes.front());
  };
  EXPECT_EQ(**parent(R"(,"AccountId":"001000000000001")"), "sf:001000000000001AAA");
  const auto none = parent(R"(,"AccountId":null)");
  EXPECT_TRUE(none.has_value() && !none->has_value());
  EXPECT_FALSE(parent(R"(,"Email":"x")").has_value());
}

TEST(Salesforce, FaultsNameThePlaceAndTheByte) {
  const std::string wrong_suffix = event("UPDATE", "", "", R"("001000000000001AAB")");
  EXPECT_EQ(cometd(wrong_suffix),
            fmt::format("error: byte {}: /payload/ChangeEventHeader/recordIds/0: a Salesforce id "
                        "whose last three characters do not fit the others\n",
                        wrong_suffix.find(R"("001000000000001AAB")")));
  const std::string bad_reference = event("UPDATE", "", R"(,"ParentId":"none of ours")");
  EXPECT_THAT(cometd(bad_reference), StartsWith(fmt::format("error: byte {}: /payload/ParentId: ",
                                                            bad_reference.find(R"("none of)"))));
  EXPECT_THAT(cometd(bad_reference), Not(HasSubstr("none of ours")));
}

TEST(Salesforce, RefusesWhatIsNoEvent) {
  EXPECT_THAT(cometd("[]"), HasSubstr("byte 0: the document: must be an object"));
  EXPECT_THAT(cometd("{}"), HasSubstr("has no ChangeEventHeader"));
  EXPECT_THAT(cometd(R"({"payload":{"payload":{"payload":{"payload":{}}}}})"),
              HasSubstr("has no ChangeEventHeader"));
  EXPECT_THAT(cometd(event("MERGE", "", "")), HasSubstr("changeType: is an unknown change type"));
  EXPECT_THAT(cometd(event("UPDATE", R"(,"sequenceNumber":3)", "")),
              HasSubstr("sequenceNumber: appears twice"));
  EXPECT_THAT(cometd(event("UPDATE", "", "", "")), HasSubstr("recordIds is missing"));
  EXPECT_THAT(cometd(event("UPDATE", "", R"(,"A":1,"A":2)")),
              HasSubstr("/payload: has two values for one field"));
  EXPECT_THAT(cometd(R"({"ChangeEventHeader":{"entityName":"Account","changeType":"UPDATE",)"
                     R"("commitTimestamp":-1,"recordIds":["001000000000001"]}})"),
              HasSubstr("commitTimestamp: must be a non-negative integer"));
}

TEST(Salesforce, RefusesWhatIsNoJsonAtItsByte) {
  EXPECT_THAT(cometd(""), StartsWith("error: byte 0: not valid JSON"));
  EXPECT_THAT(cometd(R"({"payload": nul})"), StartsWith("error: byte 15: not valid JSON"));
  EXPECT_THAT(cometd("{\"a\": \"\xff\"}"), StartsWith("error: byte 7: not valid JSON"));
  EXPECT_THAT(cometd(std::string(100, '[') + std::string(100, ']')),
              StartsWith("error: byte 64: not valid JSON"));
}

TEST(Salesforce, OneEventMayChangeManyRecords) {
  constexpr int kRecords = 20'000;
  std::string ids;
  for (int i = 0; i < kRecords; ++i) ids += fmt::format(R"({}"001{:012}")", i == 0 ? "" : ",", i);
  auto decoder =
      DecoderUnderTest::salesforce("salesforce_cometd", R"({"Account": {"type": "account"}})");
  const Result<Decoded> decoded = decoder.decode(event("UPDATE", "", R"(,"Name":"A")", ids));
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  EXPECT_EQ(decoded->changes.size(), kRecords);
  EXPECT_EQ(decoded->changes.back().id, "sf:001000000019999AAA");
}

TEST(Salesforce, BoundsWhatOneEventMayHold) {
  std::string nested = R"({"x":1})";
  for (int i = 0; i < 10; ++i) nested = R"({"n":)" + nested + "}";
  EXPECT_THAT(cometd(event("UPDATE", "", R"(,"A":)" + nested)), HasSubstr("nested too deeply"));
  std::string many;
  for (int i = 0; i < 5000; ++i) many += fmt::format(R"(,"f{}":1)", i);
  EXPECT_THAT(cometd(event("UPDATE", "", many)), HasSubstr("too many fields"));
  std::string ids = R"("001000000000001")";
  for (int i = 0; i < 50'000; ++i) ids += R"(,"001000000000001")";
  EXPECT_THAT(cometd(event("UPDATE", "", "", ids)),
              HasSubstr("recordIds: has more than 50000 elements"));
  ids.resize(ids.rfind(','));
  EXPECT_THAT(cometd(event("UPDATE", "", R"(,"A":")" + std::string(2'000, 'x') + '"', ids)),
              HasSubstr("has too many ids for the size of the event's fields"));
  EXPECT_THAT(cometd(std::string(5 << 20, ' ')), HasSubstr("longer than 4194304 bytes"));
}

std::string load_event(std::string_view type, std::string_view header) {
  return fmt::format(
      R"({{"ChangeEventHeader":{{"entityName":"Account","changeType":"{}","commitTimestamp":7{}}},)"
      R"("Name":"A"}})",
      type, header);
}

TEST(Loads, RecordIsAFullImageByTheClock) {
  for (const char* format : {"salesforce_cometd", "salesforce_pubsub", "salesforce_connect"}) {
    EXPECT_EQ(decoded(format, event("LOAD", "", R"(,"Name":"A")")),
              "create sf:001000000000001AAA Account 7/2/tx full\n  name=A\n");
  }
}

TEST(Loads, MarksAreNoChanges) {
  auto decoder = DecoderUnderTest::salesforce("salesforce_pubsub", kEntities);
  const Result<Decoded> begin = decoder.decode(load_event("LOAD_BEGIN", ""));
  ASSERT_TRUE(begin.ok());
  EXPECT_EQ(begin->skipped, "load_mark");
  EXPECT_EQ(begin->load.mark, LoadMark::kBegan);
  const Result<Decoded> end = decoder.decode(load_event("LOAD_END", R"(,"loadRows":5)"));
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(end->load.mark, LoadMark::kEnded);
  EXPECT_EQ(end->load.rows, 5U);
  EXPECT_EQ(end->load.version.commit_timestamp_ms, 7);
  EXPECT_EQ(decoder.decode(event("CREATE", "", ""))->load.mark, LoadMark::kNone);
}

TEST(Loads, WrongPartsAreRefused) {
  EXPECT_THAT(cometd(event("LOAD", R"(,"commitNumber":4)", "")),
              HasSubstr("commitNumber: must be left out in a load"));
  EXPECT_THAT(cometd(event("LOAD", "", "", R"("001*")")),
              HasSubstr("must be one record's in a load"));
  EXPECT_THAT(cometd(load_event("LOAD_END", "")), HasSubstr("loadRows is missing"));
  EXPECT_THAT(cometd(load_event("LOAD_END", R"(,"loadRows":-1)")),
              HasSubstr("loadRows: must be a non-negative integer"));
}

}  // namespace millrace::crm::salesforce_test
