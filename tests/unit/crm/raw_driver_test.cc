// Change events as sources write them in, account states out, on the real engine.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "account_world.h"
#include "conflict_generated.h"
#include "crm/account_topology.h"
#include "crm/model/account_row.h"

namespace millrace::crm::raw_driver_test {

using millrace::testing::DriverOptions;
using millrace::testing::DriverRecord;
using millrace::testing::TopologyDriver;
using ::testing::HasSubstr;

constexpr const char* kSf = "crm.raw.salesforce";
constexpr const char* kErp = "crm.raw.erp";
constexpr const char* kDeadLetters = "test-dead-letters";

Mapping mapping() {
  Result<Mapping> read = parse_mapping(R"({"topics": {
    "crm.accounts": {"format": "flatbuffers"},
    "crm.raw.salesforce": {"format": "salesforce_cometd", "source": "sf", "entities": {
      "Account": {"type": "account", "fields": {
        "Name": "name", "BillingAddress.City": "city", "Description": "description"}},
      "Contact": {"type": "contact", "parent": "AccountId", "fields": {"AccountId": "account"}}}},
    "crm.raw.erp": {"format": "debezium", "source": "erp", "entities": {
      "public.customers": {"type": "account", "id": "no", "fields": {"town": "city"}}}}}})");
  MILLRACE_ASSERT(read.ok(), read.message().c_str());
  return *std::move(read);
}

std::string sf_id(int number) {
  return fmt::format("00100000000000{}AAA", number);
}

std::string sf_event(std::string_view type, int64_t ms, std::string_view id,
                     std::string_view fields = "", std::string_view entity = "Account") {
  return fmt::format(R"({{"payload":{{"ChangeEventHeader":{{"entityName":"{}","recordIds":["{}"],)"
                     R"("changeType":"{}","transactionKey":"tx","sequenceNumber":1,)"
                     R"("commitTimestamp":{}}}{}}}}})",
                     entity, id, type, ms, fields);
}

std::string erp_event(std::string_view op, int64_t ms, std::string_view before,
                      std::string_view after) {
  return fmt::format(R"({{"payload":{{"op":"{}","before":{},"after":{},"source":{{"ts_ms":{},)"
                     R"("lsn":1,"txId":2,"schema":"public","table":"customers"}}}}}})",
                     op, before, after, ms);
}

/// "Active city=Bonn name=A incomplete"; empty: no such account.
std::string account(TopologyDriver& driver, const std::string& root) {
  const auto table = driver.table_bytes(kAccountStates.name);
  const auto found = table.find(root);
  if (found == table.end()) return "";
  const State state = state_of(found->second);
  std::string text = EnumNameAccountStatus(state.status);
  for (const auto& [name, value, member, version] : state.fields) {
    text += fmt::format(" {}={}", name, value.value_or("null"));
  }
  return text + (state.incomplete ? " incomplete" : "");
}

class RawEvents : public ::testing::Test {
 protected:
  void sf(const std::string& event) { driver_.pipe_bytes(kSf, "any key", event, 1'000); }
  void erp(const std::string& event) { driver_.pipe_bytes(kErp, "any key", event, 1'000); }

  static DriverOptions options() {
    DriverOptions options;
    // None of the raw topics has the partitions of the accounts.
    options.topic_partitions = {{kSf, 3}, {kErp, 1}, {std::string(kAccounts.name), 2}};
    options.partitions = 2;
    return options;
  }
  TopologyDriver driver_{account_topology(mapping()), options()};
};

TEST_F(RawEvents, OfAllSourcesBecomeAccounts) {
  sf(sf_event("CREATE", 1, sf_id(1), R"(,"Name":"A","BillingAddress":{"City":"Bonn"})"));
  sf(sf_event("UPDATE", 2, "001000000000001", R"(,"Name":null,"Rating__c":"hot")"));
  erp(erp_event("c", 3, "null", R"({"no":7,"town":"Ulm","vat":null})"));
  driver_.pipe_bytes(kAccounts.name, "k", change(ChangeType::Create, "s:a", 1, {{"name", "B"}}),
                     1'000);
  driver_.run();
  EXPECT_EQ(account(driver_, "sf:" + sf_id(1)), "Active Rating__c=hot city=Bonn name=null");
  EXPECT_EQ(account(driver_, "erp:7"), "Active city=Ulm vat=null");
  EXPECT_EQ(account(driver_, "s:a"), "Active name=B");
}

TEST_F(RawEvents, DuplicatesAndLateOnesChangeNothing) {
  const std::string create = sf_event("CREATE", 1, sf_id(1), R"(,"Name":"A")");
  const std::string update = sf_event("UPDATE", 3, sf_id(1), R"(,"Name":"C")");
  for (const std::string& event :
       {update, create, update, sf_event("UPDATE", 2, sf_id(1), R"(,"Name":"B")"), create}) {
    sf(event);
    driver_.run();
  }
  EXPECT_EQ(account(driver_, "sf:" + sf_id(1)), "Active name=C");
  EXPECT_EQ(driver_.read_bytes(kAccountStates.name).size(), 1U);
}

TEST_F(RawEvents, DeletedRecordComesBackWithAnUndelete) {
  sf(sf_event("CREATE", 1, sf_id(1), R"(,"Name":"A","Fax":"1")"));
  sf(sf_event("DELETE", 2, sf_id(1)));
  driver_.run();
  EXPECT_EQ(account(driver_, "sf:" + sf_id(1)), "");
  sf(sf_event("UNDELETE", 3, sf_id(1), R"(,"Name":"A")"));
  driver_.run();
  EXPECT_EQ(account(driver_, "sf:" + sf_id(1)), "Active name=A");
}

TEST_F(RawEvents, DebeziumDeleteAndItsTombstoneRemoveTheAccount) {
  erp(erp_event("c", 1, "null", R"({"no":"7","town":"Ulm"})"));
  driver_.run();
  erp(erp_event("d", 2, R"({"no":"7"})", "null"));
  driver_.pipe_bytes(kErp, "7", Bytes(), 1'000);
  driver_.run();
  EXPECT_EQ(account(driver_, "erp:7"), "");
}

TEST_F(RawEvents, GapLeavesAccountsIncompleteUntilAFullImage) {
  sf(sf_event("CREATE", 1, sf_id(1), R"(,"Name":"A")"));
  sf(sf_event("GAP_UPDATE", 2, sf_id(1)));
  driver_.run();
  EXPECT_EQ(account(driver_, "sf:" + sf_id(1)), "Active name=A incomplete");
  sf(sf_event("UPDATE", 3, sf_id(1), R"(,"Name":"B")"));
  driver_.run();
  EXPECT_EQ(account(driver_, "sf:" + sf_id(1)), "Active name=B incomplete");
  sf(sf_event("UNDELETE", 4, sf_id(1), R"(,"Name":"C")"));
  driver_.run();
  EXPECT_EQ(account(driver_, "sf:" + sf_id(1)), "Active name=C");
}

TEST_F(RawEvents, DifferenceOfATextLeavesTheAccountIncomplete) {
  sf(sf_event("CREATE", 1, sf_id(1), R"(,"Description":"old","Name":"A")"));
  sf(sf_event("UPDATE", 2, sf_id(1), R"(,"Description":{"diff":"--- \n+++ 1"},"Name":"B")"));
  driver_.run();
  EXPECT_EQ(account(driver_, "sf:" + sf_id(1)), "Active description=old name=B incomplete");
}

TEST_F(RawEvents, OverflowAsksForAResync) {
  sf(sf_event("GAP_OVERFLOW", 5, "000000000000000"));
  driver_.run();
  std::vector<std::string> resyncs;
  for (const DriverRecord& record : driver_.read_bytes(kConflicts.name)) {
    const auto& conflict = *flatbuffers::GetRoot<Conflict>(record.value->data());
    EXPECT_EQ(conflict.kind(), ConflictKind::ResyncNeeded);
    EXPECT_EQ(conflict.ids()->Get(0)->str(), *record.key);
    resyncs.push_back(*record.key);
  }
  EXPECT_THAT(resyncs, ::testing::ElementsAre("sf:Account"));
  EXPECT_TRUE(driver_.table_bytes(kAccountStates.name).empty());
}

TEST_F(RawEvents, OtherEntitiesPassBy) {
  sf(sf_event("CREATE", 1, "003000000000001AAA", R"(,"AccountId":"001000000000001")", "Contact"));
  sf(sf_event("CREATE", 1, "500000000000001AAA", "", "Case"));
  sf(sf_event("CREATE", 1, sf_id(1), R"(,"Name":"A")"));
  driver_.run();
  EXPECT_EQ(driver_.table_bytes(kAccountStates.name).size(), 1U);
  EXPECT_TRUE(driver_.read_bytes(kDeadLetters).empty());
}

TEST_F(RawEvents, WhatDoesNotDecodeIsADeadLetterWithItsPlace) {
  const std::string wrong_id = sf_event("CREATE", 1, "001000000000001AAB");
  sf(wrong_id);
  sf(sf_event("CREATE", 1, sf_id(1), R"(,"Name":"A")"));
  driver_.run();
  EXPECT_EQ(account(driver_, "sf:" + sf_id(1)), "Active name=A");
  const std::vector<DriverRecord> letters = driver_.read_bytes(kDeadLetters);
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].value, wrong_id);
  EXPECT_EQ(letters[0].headers.at("millrace.topic"), kSf);
  EXPECT_EQ(letters[0].headers.at("millrace.error"), "invalid_record");
  EXPECT_THAT(letters[0].headers.at("millrace.reason").value_or(""),
              HasSubstr(fmt::format("salesforce_cometd: byte {}: "
                                    "/payload/ChangeEventHeader/recordIds/0: a Salesforce id",
                                    wrong_id.find("\"001000000000001AAB"))));
}

TEST_F(RawEvents, RowOfTooManyFieldsIsADeadLetterAndStopsNothing) {
  for (int part = 0; part < 2; ++part) {
    std::string fields;
    for (size_t i = 0; i < kRowFieldsMax * 3 / 4; ++i)
      fields += fmt::format(R"(,"f{}_{}":1)", part, i);
    sf(sf_event("UPDATE", 1 + part, sf_id(1), fields));
  }
  driver_.run();
  EXPECT_EQ(driver_.read_bytes(kDeadLetters).size(), 1U);
}

TEST(RawTopics, OfOursAreNoInput) {
  const auto topology = account_topology(flatbuffers_mapping(kAccountStates.name));
  ASSERT_FALSE(topology.ok());
  EXPECT_THAT(topology.message(), HasSubstr("'crm.account-state'"));
}

}  // namespace millrace::crm::raw_driver_test
