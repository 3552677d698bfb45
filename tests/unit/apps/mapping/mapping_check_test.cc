#include "apps/mapping/mapping_check.h"

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "topics.h"

namespace millrace::apps::mapping_check_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemoryBroker;
using ::testing::Not;
using ::testing::StartsWith;

std::string row(std::string_view columns, std::string_view table = "customers") {
  return fmt::format(R"({{"op":"c","before":null,"after":{},"source":{{"ts_ms":1,"lsn":1,)"
                     R"("schema":"public","table":"{}"}}}})",
                     columns, table);
}

crm::Mapping mapping(std::string_view fields, std::string_view entity_more = "") {
  return crm::parse_mapping(fmt::format(
                                R"({{"topics": {{"erp": {{"format": "debezium", "source": "erp",
                                "entities": {{"public.customers": {{"type": "account", "id": "id"{},
                                "fields": {{{}}}}}}}}}}}}})",
                                entity_more, fields))
      .value();
}

class Checks : public ::testing::Test {
 protected:
  std::vector<std::string> check(const crm::Mapping& mapping) {
    const auto clients = broker_.clients();
    const CheckReport report = check_mapping(mapping, *clients, {}, {}, {});
    has_problems_ = report.has_problems();
    std::ostringstream text;
    write_report(report, text);
    text_ = text.str();
    std::vector<std::string> lines;
    for (const Finding& finding : report.findings) {
      const bool is_problem = finding.weight == Finding::Weight::kProblem;
      lines.push_back((is_problem ? "" : "note ") + line_of(finding));
    }
    return lines;
  }
  MemoryBroker broker_;
  std::string text_;
  bool has_problems_ = false;
};

TEST_F(Checks, AMappingThatFitsHasNoFindings) {
  write_topic(broker_, "erp", {row(R"({"id":1,"name":"A"})"), row(R"({"id":2,"name":null})")});
  EXPECT_THAT(check(mapping(R"("name": "name")")), ElementsAre());
  EXPECT_FALSE(has_problems_);
  EXPECT_THAT(text_, HasSubstr("name -> name: seen in 2 of 2, null in 1"));
  EXPECT_THAT(text_, HasSubstr("problems=0 notes=0"));
}

TEST_F(Checks, FieldsThatNeverComeOrAreRefused) {
  write_topic(broker_, "erp",
              {row(R"({"id":1,"name":"A","revenue":"12.5"})"),
               row(R"({"id":2,"name":"B","revenue":"AfQ="})")});
  EXPECT_THAT(
      check(mapping(R"("nmae": "name", "revenue": {"name": "revenue", "type": "decimal"},
                              "elsewhere": "elsewhere")")),
      ElementsAre("erp public.customers elsewhere: never seen in 2 records",
                  StartsWith("erp public.customers nmae: never seen in 2 records; is it "
                             "'name'?"),
                  StartsWith("erp public.customers revenue: 1 of 2 values refused, the last "
                             "since it is no number")));
  EXPECT_TRUE(has_problems_);
  EXPECT_THAT(text_, Not(HasSubstr("AfQ=")));
}

TEST_F(Checks, EntitiesThatAreMisspeltOrUnknown) {
  write_topic(
      broker_, "erp",
      {row(R"({"id":1,"name":"A"})", "costumers"), row(R"({"id":1})", "orders"), "no JSON"});
  EXPECT_THAT(
      check(mapping(R"("name": "name")")),
      ElementsAre(StartsWith("erp: 1 of 3 records are invalid, the last since: byte"),
                  HasSubstr("but 1 are of 'public.costumers': is it misspelt?"),
                  StartsWith("note erp public.orders: 1 records, and the mapping has no such")));
}

TEST_F(Checks, TopicsThatAreMissingOrEmpty) {
  write_topic(broker_, "erp.customers", {});
  EXPECT_THAT(check(mapping(R"("name": "name")")),
              ElementsAre(StartsWith("erp: there is no such topic")));
  EXPECT_TRUE(has_problems_);
  write_topic(broker_, "erp", {});
  EXPECT_THAT(check(mapping(R"("name": "name")")),
              ElementsAre("note erp: holds no record yet: nothing to check"));
  EXPECT_FALSE(has_problems_);
}

TEST_F(Checks, UnmappedFieldsThatLookPersonalOrLikeReferences) {
  write_topic(broker_, "erp",
              {row(R"({"id":1,"x":"me@example.org","merged_into":null,"city":"Bonn"})")});
  const auto unmapped = check(mapping(R"("city": "city")"));
  EXPECT_THAT(unmapped,
              ElementsAre(HasSubstr("merged_into: not mapped; it may be the account that this one"),
                          HasSubstr("x: not mapped, and kept unmasked; personal: values look")));
  EXPECT_THAT(text_, Not(HasSubstr("me@")));
  EXPECT_THAT(check(mapping(R"("city": "city")", R"(, "other_fields": "drop")")), ElementsAre());
  EXPECT_THAT(check(mapping(R"("city": "city", "x": null, "merged_into": null)")), ElementsAre());
  EXPECT_THAT(check(mapping(R"("city": "city", "x": "x", "merged_into": null)")),
              ElementsAre(StartsWith("note erp public.customers x: not marked personal")));
}

TEST_F(Checks, SalesforcesChangesMayLeaveFieldsOut) {
  const auto event = [](std::string_view kind, std::string_view fields) {
    return fmt::format(R"({{"payload":{{"ChangeEventHeader":{{"entityName":"Account","recordIds":)"
                       R"(["0014H00002LbR8GQAV"],"changeType":"{}","transactionKey":"t",)"
                       R"("sequenceNumber":1,"commitTimestamp":1}},{}}}}})",
                       kind, fields);
  };
  const auto of_format = [](std::string_view format) {
    return crm::parse_mapping(
               fmt::format(R"({{"topics": {{"sf": {{"format": "{}", "source": "sf", "entities":
                   {{"Account": {{"type": "account", "fields": {{"Name": "name", "Fax": null,
                   "Industry": "industry"}}}}}}}}}}}})",
                           format))
        .value();
  };
  write_topic(broker_, "sf", {event("UPDATE", R"("Name":"A")")});
  EXPECT_THAT(check(of_format("salesforce_pubsub")),
              ElementsAre("note sf Account Industry: never seen in 1 records"));
  broker_.delete_topic("sf");
  write_topic(broker_, "sf", {event("CREATE", R"("Name":"A")")});
  EXPECT_THAT(check(of_format("salesforce_pubsub")),
              ElementsAre("sf Account Industry: never seen in 1 records"));
  EXPECT_THAT(check(of_format("salesforce_cometd")),
              ElementsAre("note sf Account Industry: never seen in 1 records"));
}

}  // namespace millrace::apps::mapping_check_test
