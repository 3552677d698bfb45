// Values as sources really send them, and the right results: `data/*/expected.md` says why.
#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "case_world.h"

namespace millrace::crm::cases::value_cases_test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

TEST(ValueCases, HoleInTheCreateOfANewKeyIsNamed) {
  const auto world = CaseWorld::of_case("04-pg-toast-in-create-of-new-key");
  EXPECT_EQ(world->account("pg:402"),
            "Active master_record_id is null name=Keyed incomplete(notes)");
}

TEST(ValueCases, UnavailableValuesOfEveryShapeKeepTheOld) {
  const auto world = CaseWorld::of_case("05-pg-toast-other-shapes");
  EXPECT_EQ(world->account("pg:501"),
            "Active attrs.a=1 attrs_json={\"a\":\"1\"} blob_b64=yv4= blob_hex=cafe "
            "master_record_id is null name=Shapes2 nums=[1,2] tags=[\"x\"] "
            "uuids=[\"0b7a1c1e-0000-4000-8000-000000000001\"]");
}

TEST(ValueCases, DecimalsOfEveryModeAreNumbersOrRefused) {
  const auto world = CaseWorld::of_case("12-decimals");
  EXPECT_EQ(world->entitlement("pg:1201", "f21"), "open..open 10");
  EXPECT_EQ(world->entitlement("pg:1201", "f22"), "open..open 5");
  EXPECT_EQ(world->entitlement("pg:1201", "f23"), "open..open 5");
  EXPECT_EQ(world->entitlement("pg:1201", "f24"), "") << "base64 without schema or declaration";
  EXPECT_EQ(world->entitlement("pg:1201", "f25"), "open..open 5");
  EXPECT_EQ(world->entitlement("pg:1201", "f26"), "") << "no whole number";
}

TEST(ValueCases, NumbersOfManyDigitsCompareAsNumbers) {
  const auto world = CaseWorld::of_case("14-territory-number-of-16-digits");
  for (const char* id : {"pg:1401", "pg:1402", "pg:1404", "pg:1405"}) {
    EXPECT_THAT(world->territories(id), UnorderedElementsAre("t:over200", "t:over9")) << id;
  }
  EXPECT_THAT(world->territories("pg:1403"), UnorderedElementsAre("t:over9"));
}

TEST(ValueCases, NullOfACustomCompoundNullsItsParts) {
  const auto world = CaseWorld::of_case("21-custom-geolocation-and-custom-address-nulled");
  for (const char* id : {"sfp:0014H00002LbR8GQAV", "sfc:0014H00002LbR8HQAV"}) {
    EXPECT_THAT(world->account(id), HasSubstr("Active HQ__c is null"));
    EXPECT_THAT(world->account(id), Not(HasSubstr("__c.")));
    EXPECT_THAT(world->account(id), Not(HasSubstr("ShippingAddress.")));
  }
}

TEST(ValueCases, DaysAsOtherSystemsWriteThem) {
  const auto world = CaseWorld::of_case("27-dates-as-yyyymmdd");
  constexpr const char* kThrough2030 = "open..1924992000000 1";
  EXPECT_EQ(world->entitlement("pg:2701", "f271"), kThrough2030);
  EXPECT_EQ(world->entitlement("pg:2701", "f272"), kThrough2030);
  EXPECT_EQ(world->entitlement("pg:2701", "f273"), "open..open 1");
  EXPECT_EQ(world->entitlement("pg:2701", "f274"), kThrough2030);
  EXPECT_EQ(world->entitlement("pg:2701", "f275"), "") << "refused";
}

TEST(ValueCases, CodesWithLeadingZerosAreNoNumbers) {
  auto world = std::make_unique<CaseWorld>(file_text("crm/mapping.json"));
  world->feed_line(R"({"load": "crm.territory-models", "key": "t:m",)"
                   R"( "value": {"id": "t:m", "state": "Active"}})");
  for (const std::string& line : file_lines("crm/40-codes-with-leading-zeros/input.jsonl")) {
    world->feed_line(line);
  }
  world->run();
  EXPECT_THAT(world->territories("pg:4001"), UnorderedElementsAre("t:sic", "t:zip"));
  EXPECT_THAT(world->territories("pg:4002"), IsEmpty());
  EXPECT_THAT(world->territories("pg:4003"), IsEmpty());
}

TEST(ValueCases, IsoDatesAndInfinityOfAContract) {
  CaseWorld world(R"({"topics": {"cdc.crm.contract": {"format": "debezium", "source": "pg",
    "entities": {
      "crm.account": {"type": "account", "id": "id", "fields": {}},
      "crm.contract": {"type": "contract", "id": "id", "parent": "account_id",
        "fields": {"account_id": "account_id", "number": "feature"}}}}}})");
  world.feed("cdc.crm.contract", file_text("debezium/isostring/contract-37.json"));
  world.run();
  EXPECT_EQ(world.entitlement("pg:75", "C-37"), "1764028800000..open 1");
}

std::string customer(int64_t ms, std::string_view columns, std::string_view op = "u") {
  return fmt::format(
      R"({{"before":null,"after":{{{}}},"source":{{"connector":"postgresql","ts_ms":{},"lsn":{},)"
      R"("txId":{},"schema":"public","table":"customers"}},"op":"{}"}})",
      columns, ms, ms, ms, op);
}

TEST(ValueCases, MasterThatIsNullAgainEndsItsMergeInAnyOrder) {
  const std::vector<std::string> events{customer(1, R"("id":1,"name":"A","merged_into":null)", "c"),
                                        customer(2, R"("id":2,"name":"B","merged_into":null)", "c"),
                                        customer(3, R"("id":1,"name":"A","merged_into":2)"),
                                        customer(4, R"("id":1,"name":"A","merged_into":null)")};
  const std::vector<std::vector<size_t>> orders{{0, 1, 2, 3}, {3, 2, 1, 0}};
  for (const std::vector<size_t>& order : orders) {
    CaseWorld world(file_text("crm/mapping.json"));
    for (const size_t event : order) {
      world.feed("crm.raw.pg", events[event]);
      world.run();
    }
    EXPECT_EQ(world.root_of("pg:1"), "pg:1");
    EXPECT_EQ(world.account("pg:1"), "Active master_record_id is null name=A");
  }
  CaseWorld merged(file_text("crm/mapping.json"));
  for (const size_t event : orders.front()) {
    if (event < 3) merged.feed("crm.raw.pg", events[event]);
  }
  merged.run();
  EXPECT_EQ(merged.root_of("pg:1"), "pg:2");
}

TEST(ValueCases, LatestMasterDecidesInEveryOrder) {
  const std::vector<std::string> masters{"2", "null", "3", "null"};
  for (size_t count = 3; count <= masters.size(); ++count) {
    std::vector<size_t> order(count);
    std::iota(order.begin(), order.end(), size_t{0});
    do {
      CaseWorld world(file_text("crm/mapping.json"));
      for (const size_t event : order) {
        const auto ms = static_cast<int64_t>(event) + 1;
        world.feed("crm.raw.pg",
                   customer(ms, fmt::format(R"("id":1,"merged_into":{})", masters[event])));
        world.run();
      }
      EXPECT_EQ(world.root_of("pg:1"), count == 3 ? "pg:3" : "pg:1");
    } while (std::ranges::next_permutation(order).found);
  }
}

TEST(ValueCases, DeleteThatLeavesOutTheMasterEndsNoMerge) {
  const std::vector<std::string> events{
      customer(1, R"("id":1,"name":"A","merged_into":2)"),
      R"({"before":{"id":1,"name":null,"merged_into":null},"after":null,"source":{)"
      R"("connector":"postgresql","ts_ms":2,"lsn":2,"txId":2,"schema":"public",)"
      R"("table":"customers"},"op":"d"})"};
  for (const size_t first : {0U, 1U}) {
    CaseWorld world(file_text("crm/mapping.json"));
    for (const size_t event : {first, 1 - first}) {
      world.feed("crm.raw.pg", events[event]);
      world.run();
    }
    EXPECT_EQ(world.root_of("pg:1"), "pg:2");
  }
}

TEST(ValueCases, DroppedColumnGoesWithTheNextRowThoughItHasAHole) {
  CaseWorld world(file_text("crm/mapping.json"));
  world.feed("crm.raw.pg", customer(1, R"("id":1,"name":"A","notes":"long","fax":"7")", "c"));
  world.feed("crm.raw.pg",
             customer(2, R"("id":1,"name":"B","notes":"__debezium_unavailable_value")"));
  world.run();
  EXPECT_EQ(world.account("pg:1"), "Active name=B notes=long");
}

TEST(ValueCases, FirstSeenUpdateWithAHoleIsIncomplete) {
  CaseWorld world(file_text("crm/mapping.json"));
  world.feed("crm.raw.pg",
             customer(2, R"("id":1,"name":"B","notes":"__debezium_unavailable_value")"));
  world.run();
  EXPECT_EQ(world.account("pg:1"), "Active name=B incomplete(notes)");
}

TEST(ValueCases, DeclaredTypesReachTheRules) {
  std::string mapping = file_text("crm/mapping.json");
  const std::string undeclared = R"("revenue": "revenue", "country")";
  mapping.replace(mapping.find(undeclared), undeclared.size(),
                  R"("revenue": {"name": "revenue", "type": "decimal"}, "country")");
  // The same field has one type everywhere, so the others may stay undeclared.
  CaseWorld world(mapping);
  for (const std::string& line : file_lines("crm/14-territory-number-of-16-digits/input.jsonl")) {
    world.feed_line(line);
  }
  world.feed("crm.raw.pg", customer(20'000, R"("id":1,"name":"A","revenue":"0250.00")", "c"));
  world.feed("crm.raw.pg", customer(20'001, R"("id":2,"name":"B","revenue":"$1000000")", "c"));
  world.run();
  EXPECT_THAT(world.territories("pg:1"), UnorderedElementsAre("t:over200", "t:over9"));
  EXPECT_THAT(world.territories("pg:2"), IsEmpty());
  EXPECT_EQ(world.account("pg:2"), "Active name=B incomplete(revenue)");
}

}  // namespace millrace::crm::cases::value_cases_test
