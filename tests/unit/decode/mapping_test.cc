#include "crm/mapping/mapping.h"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::crm::mapping_test {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string fault_of(std::string_view json) {
  const Result<Mapping> mapping = parse_mapping(json);
  if (mapping.ok()) return "none";
  EXPECT_EQ(mapping.code(), ErrorCode::kConfig);
  return mapping.message();
}

TEST(MappingFile, TellsTopicsEntitiesAndFields) {
  const auto mapping = parse_mapping(R"({"topics": {
    "crm.accounts": {"format": "flatbuffers"},
    "crm.raw.sf": {"format": "salesforce_cometd", "source": "sf", "entities": {
      "Account": {"type": "account", "other_fields": "drop", "fields": {
        "Name": "name", "Phone": {"name": "phone", "personal": true}, "Fax": null}},
      "Contact": {"type": "contact", "parent": "AccountId", "fields": {
        "AccountId": "account_id", "Email": {"name": "email", "personal": true}}}}}}})");
  ASSERT_TRUE(mapping.ok()) << mapping.message();
  ASSERT_EQ(mapping->topics.size(), 2U);
  EXPECT_EQ(mapping->topics[0].format, RawFormat::kFlatbuffers);
  const TopicMapping& topic = mapping->topics[1];
  EXPECT_EQ(topic.topic, "crm.raw.sf");
  EXPECT_EQ(topic.format, RawFormat::kSalesforceCometd);
  EXPECT_EQ(topic.source, "sf");
  const EntityMapping& account = topic.entities.at("Account");
  EXPECT_FALSE(account.keep_others);
  EXPECT_EQ(account.find("Name")->name, "name");
  EXPECT_TRUE(account.find("Fax")->dropped);
  EXPECT_EQ(account.find("Website"), nullptr);
  const EntityMapping& contact = topic.entities.at("Contact");
  EXPECT_EQ(contact.kind, EntityKind::kContact);
  EXPECT_EQ(contact.parent, "account_id");
  EXPECT_TRUE(contact.find("AccountId")->reference);
  EXPECT_THAT(mapping->personal_fields(EntityKind::kAccount), ElementsAre("phone"));
  EXPECT_THAT(mapping->personal_fields(EntityKind::kContact), ElementsAre("email"));
}

TEST(MappingFile, OnlyATopicOfDebeziumMayHaveNoEntities) {
  const auto mapping = parse_mapping(
      R"({"topics": {"pg.transaction": {"format": "debezium", "source": "pg", "entities": {}}}})");
  ASSERT_TRUE(mapping.ok()) << mapping.message();
  EXPECT_TRUE(is_of_transactions(mapping->topics[0]));
  EXPECT_THAT(
      fault_of(
          R"({"topics": {"t": {"format": "salesforce_cometd", "source": "sf", "entities": {}}}})"),
      HasSubstr("names no entity"));
}

TEST(MappingFile, ExampleOfTheDesignIsValid) {
  std::ifstream file(MILLRACE_DECODE_DESIGN);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const size_t from = text.find("```json\n") + 8;
  const auto mapping = parse_mapping(text.substr(from, text.find("```", from) - from));
  ASSERT_TRUE(mapping.ok()) << mapping.message();
  EXPECT_EQ(mapping->topics.size(), 3U);
}

TEST(MappingFile, NamesTheLineOfWhatIsNoJson) {
  EXPECT_THAT(fault_of("{\n  \"topics\": {\n    oops\n"), HasSubstr("line 3, column 5"));
  EXPECT_THAT(fault_of(R"({"topics": {"a": {}, "a": {}}})"), HasSubstr("has \"a\" twice"));
}

TEST(MappingFile, NamesThePathOfEveryFault) {
  EXPECT_THAT(
      fault_of(R"({"topics": {
        "crm.raw.sf": {"format": "xml"},
        "no name": {"format": "flatbuffers", "source": "a"},
        "b": {"format": "debezium", "source": "UPPER", "entities": {"public.t": {
          "type": "acount", "fields": {"x": "n", "y": {"name": "n", "secret": true}}}}},
        "c": {"format": "salesforce_pubsub", "source": "sf", "entities": {"Account": {
          "type": "account", "id": "Id", "parent": "ParentId", "other_fields": "?",
          "fields": {"Name": 3, "Phone": {"name": "phone", "personal": "yes"}}}}}},
        "more": 1})"),
      AllOf(HasSubstr("topics.\"crm.raw.sf\".format: must be one of salesforce_cometd,"),
            HasSubstr("topics.\"no name\": is not a valid topic name"),
            HasSubstr("topics.\"no name\".source: does not apply"),
            HasSubstr("topics.b.source: must be 1 to 32"),
            HasSubstr("topics.b.entities.\"public.t\".type: must be one of account,"),
            HasSubstr("topics.b.entities.\"public.t\".id: is missing"),
            HasSubstr("fields.y.secret: is unknown"), HasSubstr("fields.y: maps to the same name"),
            HasSubstr("topics.c.entities.Account.id: does not apply"),
            HasSubstr("topics.c.entities.Account.parent: must be one of the names in fields"),
            HasSubstr("topics.c.entities.Account.other_fields: must be keep or drop"),
            HasSubstr("topics.c.entities.Account.fields.Name: must be a name, null or an object"),
            HasSubstr("fields.Phone.personal: must be true or false"),
            HasSubstr("more: is unknown; allowed: topics")));
}

TEST(MappingFile, TellsSurvivorship) {
  const auto mapping = parse_mapping(R"({
    "topics": {"crm.accounts": {"format": "flatbuffers"}},
    "survivorship": {
      "default": "fill_if_null",
      "fields": {"phone": "most_recent",
                 "city": {"rule": "source_priority", "sources": ["erp", "sf"]}}}})");
  ASSERT_TRUE(mapping.ok()) << mapping.message();
  const SurvivorshipPolicy& policy = mapping->survivorship;
  EXPECT_EQ(policy.of("name").rule, Survivorship::kFillIfNull);
  EXPECT_EQ(policy.of("phone").rule, Survivorship::kMostRecent);
  EXPECT_EQ(policy.of("city").rule, Survivorship::kSourcePriority);
  EXPECT_THAT(policy.of("city").sources, ElementsAre("erp", "sf"));
}

TEST(MappingFile, NamesFaultsOfSurvivorship) {
  EXPECT_THAT(fault_of(R"({"topics": {"crm.accounts": {"format": "flatbuffers"}},
        "survivorship": {"default": "newest", "more": 1, "fields": {
          "a": 3, "b": "source_priority", "c": {"rule": "most_recent", "sources": ["sf"]},
          "d": {"rule": "source_priority", "sources": ["UP", "sf", "sf"]},
          "e": {"rule": "source_priority", "sources": []}, "f": {"sources": ["sf"]}}}})"),
              AllOf(HasSubstr("survivorship.default: must be one of master_wins,"),
                    HasSubstr("survivorship.more: is unknown"),
                    HasSubstr("survivorship.fields.a: must be a rule's name or an object"),
                    HasSubstr("survivorship.fields.b: sources and source_priority"),
                    HasSubstr("survivorship.fields.c: sources and source_priority"),
                    HasSubstr("survivorship.fields.d.sources[0]: must be 1 to 32"),
                    HasSubstr("survivorship.fields.d.sources[2]: appears twice"),
                    HasSubstr("survivorship.fields.e.sources: must be a list"),
                    HasSubstr("survivorship.fields.f.rule: is missing")));
}

TEST(MappingFile, TellsTheMasterOfAccounts) {
  const auto mapping = parse_mapping(R"({"topics": {"crm.raw.sf": {
    "format": "salesforce_cometd", "source": "sf", "entities": {"Account": {
      "type": "account", "master": "MasterRecordId",
      "fields": {"MasterRecordId": "master"}}}}}})");
  ASSERT_TRUE(mapping.ok()) << mapping.message();
  const EntityMapping& account = mapping->topics[0].entities.at("Account");
  EXPECT_EQ(account.master, "master");
  EXPECT_TRUE(account.find("MasterRecordId")->reference);
  EXPECT_THAT(fault_of(R"({"topics": {"c": {"format": "salesforce_pubsub", "source": "sf",
    "entities": {"Contact": {"type": "contact", "parent": "A", "master": "M",
                             "fields": {"A": "a", "M": "m"}},
                 "Account": {"type": "account", "master": "X"}}}}})"),
              AllOf(HasSubstr("entities.Contact.master: applies to accounts only"),
                    HasSubstr("entities.Account.master: must be one of the names in fields")));
}

TEST(MappingFile, TellsTypesOfFields) {
  const auto mapping = parse_mapping(R"({"topics": {"pg": {"format": "debezium", "source": "pg",
    "unavailable_value": "gone", "entities": {"public.t": {
      "type": "account", "id": "id", "fields": {
      "d": {"name": "day", "type": "date", "unit": "days"},
      "n": {"name": "revenue", "type": "decimal", "scale": 2},
      "p": {"name": "parent", "reference": true, "null_values": ["", "0"]}}}}}}})");
  ASSERT_TRUE(mapping.ok()) << mapping.message();
  EXPECT_EQ(mapping->topics[0].unavailable_value, "gone");
  const EntityMapping& entity = mapping->topics[0].entities.at("public.t");
  EXPECT_EQ(entity.find("d")->form.type, FieldType::Date);
  EXPECT_EQ(entity.find("d")->form.numbers.unit, TimeUnit::kDays);
  EXPECT_EQ(entity.find("n")->form.scale, 2);
  EXPECT_THAT(entity.find("p")->null_values, ElementsAre("", "0"));
  EXPECT_EQ(mapping->field_types(EntityKind::kAccount).at("revenue"), FieldType::Decimal);
  EXPECT_EQ(implied_type(EntityKind::kContract, "end_date"), FieldType::Date);
  EXPECT_EQ(implied_type(EntityKind::kAccount, "end_date"), FieldType::Undeclared);
}

TEST(MappingFile, NamesFaultsOfTypes) {
  EXPECT_THAT(
      fault_of(R"({"topics": {
        "a": {"format": "debezium", "source": "a", "unavailable_value": "", "entities": {"t": {
          "type": "account", "id": "id", "fields": {
            "w": {"name": "w", "type": "number"}, "x": {"name": "x", "unit": "days"},
            "u": {"name": "u", "type": "date", "unit": "weeks"},
            "y": {"name": "y", "type": "text", "scale": 2},
            "s": {"name": "s", "type": "decimal", "scale": 99},
            "n": {"name": "n", "null_values": [0]}, "same": {"name": "same", "type": "text"},
            "r": {"name": "r", "type": "date", "reference": true}}}}},
        "b": {"format": "salesforce_cometd", "source": "b", "unavailable_value": "x", "entities": {
          "Account": {"type": "account", "fields": {
            "Same": {"name": "same", "type": "date"}}}}}}})"),
      AllOf(HasSubstr("topics.a.unavailable_value: must not be empty"),
            HasSubstr("fields.w.type: must be one of text, integer,"),
            HasSubstr("fields.x.unit: applies to the types date and moment only"),
            HasSubstr("fields.u.unit: must be one of days,"),
            HasSubstr("fields.y.scale: applies to the types integer and decimal only"),
            HasSubstr("fields.s.scale: must be 0 to 64"),
            HasSubstr("fields.n.null_values: must be a list of strings"),
            HasSubstr("fields.r: a reference is an id"),
            HasSubstr("topics.b.unavailable_value: applies to debezium only"),
            HasSubstr("topics.b.entities.Account.fields.Same: has another type elsewhere")));
}

TEST(MappingFile, RefusesWhatNamesNothing) {
  EXPECT_EQ(fault_of("[]"), "the file: must be an object");
  EXPECT_EQ(fault_of("{}"), "topics: is missing");
  EXPECT_EQ(fault_of(R"({"topics": {}})"), "topics: names no topic");
}

TEST(MappingFile, ThatIsNotThereIsNamed) {
  const auto mapping = load_mapping("/nonexistent/mapping.json");
  ASSERT_FALSE(mapping.ok());
  EXPECT_EQ(mapping.message(), "/nonexistent/mapping.json: cannot be read");
}

}  // namespace millrace::crm::mapping_test
