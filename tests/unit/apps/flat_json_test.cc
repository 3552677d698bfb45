#include "apps/tools/flat_json.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "millrace/core/serde.h"

#include "account_generated.h"
#include "conflict_generated.h"
#include "feature_entitlement_generated.h"
#include "territory_rule_generated.h"

namespace millrace::apps::flat_json_test {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

FlatJson tables(std::string_view type) {
  return FlatJson(*find_type_by_name(type));
}

TEST(FlatJson, ShowsNestedTablesVectorsEnumsAndDefaults) {
  crm::AccountChangeT change;
  change.id = "ror:a";
  change.change_type = crm::ChangeType::Delete;
  change.version = std::make_unique<crm::VersionT>();
  change.version->commit_timestamp_ms = 5'000'000'000;
  auto field = std::make_unique<crm::FieldValueT>();
  field->name = "name";
  field->value = "Ü\"\n";
  change.fields.push_back(std::move(field));
  const Flat<crm::AccountChange> flat(change);
  EXPECT_EQ(
      tables("AccountChange").to_json(Bytes(flat.bytes()))->dump(),
      R"({"id":"ror:a","change_type":"Delete","version":{"commit_timestamp_ms":5000000000,)"
      R"("sequence_number":0},"fields":[{"name":"name","value":"Ü\"\n","type":"Undeclared"}],)"
      R"("full_image":false})");
}

TEST(FlatJson, ShowsVectorsOfStrings) {
  crm::ConflictT conflict;
  conflict.kind = crm::ConflictKind::Split;
  conflict.ids = {"a", "b"};
  conflict.version = std::make_unique<crm::VersionT>();
  const Flat<crm::Conflict> flat(conflict);
  const auto json = tables("Conflict").to_json(Bytes(flat.bytes()));
  EXPECT_EQ((*json)["kind"], "Split");
  EXPECT_EQ((*json)["ids"].dump(), R"(["a","b"])");
}

TEST(FlatJson, TellsDefaultsFromWhatIsUnknown) {
  crm::TerritoryRuleT rule;
  rule.id = "t:r";
  EXPECT_EQ(
      (*tables("TerritoryRule").to_json(Bytes(Flat<crm::TerritoryRule>(rule).bytes())))["active"],
      true);
  crm::FeatureEntitlementT entitlement;
  entitlement.root = "a:1";
  entitlement.feature = "seats";
  entitlement.segments.push_back(std::make_unique<crm::EntitlementSegmentT>());
  entitlement.segments.front()->to_ms = 0;
  const auto json = tables("FeatureEntitlement")
                        .to_json(Bytes(Flat<crm::FeatureEntitlement>(entitlement).bytes()));
  EXPECT_EQ((*json)["next_change_ms"], nullptr);
  EXPECT_EQ((*json)["segments"][0]["from_ms"], nullptr);
  EXPECT_EQ((*json)["segments"][0]["to_ms"], 0);
}

TEST(FlatJson, MakesOfJsonWhatItWasMadeOf) {
  const Json json = Json::parse(
      R"({"id":"t:r","active":false,"filter":"1 OR 2","items":[{"field":"n","operator":"Equals",)"
      R"("values":"Ü,\"a,b\""},{"field":"m","operator":"GreaterThan"}]})");
  FlatJson rules = tables("TerritoryRule");
  const Result<std::string> bytes = rules.from_json(json);
  ASSERT_TRUE(bytes.ok()) << bytes.message();
  EXPECT_EQ(rules.to_json(Bytes(*bytes))->dump(), json.dump());
}

TEST(FlatJson, SaysWhatDoesNotFit) {
  FlatJson rules = tables("TerritoryRule");
  const auto fault = [&](const char* text) { return rules.from_json(Json::parse(text)).message(); };
  EXPECT_THAT(fault(R"({"id":"t:r"})"), HasSubstr("required field is missing: items"));
  EXPECT_THAT(fault(R"({"id":"t:r","items":[],"nope":1})"), HasSubstr("unknown field: nope"));
  EXPECT_THAT(fault(R"({"id":"t:r","items":[{"field":"x","operator":"Like"}]})"),
              HasSubstr("unknown enum value: Like"));
  EXPECT_THAT(fault(R"({"id":1,"items":[]})"), HasSubstr("expecting: string"));
  EXPECT_THAT(fault("[]"), HasSubstr("expecting: {"));
  EXPECT_TRUE(rules.from_json(Json::parse(R"({"id":"t:r","items":[]})")).ok());
}

TEST(FlatJson, RefusesBytesOfAnotherType) {
  EXPECT_EQ(tables("Territory").to_json("no table").code(), ErrorCode::kInvalidRecord);
}

TEST(BytesJson, IsTextWhenItIsUtf8ElseHexadecimal) {
  EXPECT_EQ(bytes_json(Bytes()).dump(), "null");
  EXPECT_EQ(bytes_json("").dump(), "\"\"");
  EXPECT_EQ(bytes_json("ror:\xc3\x9c").dump(), "\"ror:\xc3\x9c\"");
  for (const std::string& text : {std::string("\xff"), std::string("\xc3"), std::string("\xc0\x80"),
                                  std::string("\xed\xa0\x80"), std::string("\xf4\x90\x80\x80")}) {
    EXPECT_TRUE(bytes_json(Bytes(text)).contains("hex"));
  }
  EXPECT_EQ(bytes_json("\xff\x01").dump(), R"({"hex":"ff01"})");
}

TEST(BytesOfJson, IsTheWayBack) {
  EXPECT_EQ(**bytes_of_json(bytes_json("\xff\x01")), "\xff\x01");
  EXPECT_EQ(**bytes_of_json("ror:a"), "ror:a");
  EXPECT_EQ(*bytes_of_json(nullptr), std::nullopt);
  for (const char* other : {"7", "{}", R"({"hex":"f"})", R"({"hex":"zz"})", R"({"hex":1})"}) {
    EXPECT_EQ(bytes_of_json(Json::parse(other)).code(), ErrorCode::kInvalidRecord) << other;
  }
}

TEST(KnownTypes, AreFoundByNameAndByTopic) {
  EXPECT_EQ(find_type_by_topic("crm.redirects"), find_type_by_name("Redirect"));
  EXPECT_EQ(find_type_by_topic(""), nullptr);
  EXPECT_EQ(find_type_by_name("Nothing"), nullptr);
}

}  // namespace millrace::apps::flat_json_test
