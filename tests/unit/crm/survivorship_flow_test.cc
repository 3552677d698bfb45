// Every rule of survivorship, from the mapping file to account states.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "account_world.h"
#include "crm/account_topology.h"
#include "flow_runner.h"

namespace millrace::crm::survivorship_flow_test {

/// Fields of the merged account erp:m, of which sf:v and ad:w are victims, under such rules.
std::map<std::string, std::string> merged(const std::string& survivorship) {
  Result<Mapping> mapping = parse_mapping(fmt::format(
      R"({{"topics": {{"crm.accounts": {{"format": "flatbuffers"}}}}, "survivorship": {}}})",
      survivorship));
  EXPECT_TRUE(mapping.ok()) << mapping.message();
  const Topology topology = account_topology(*std::move(mapping)).value();
  FlowRunner runner(topology, 3, 1);
  const auto account = [&](const std::string& id, int64_t ms, const FieldMap& fields) {
    runner.pipe(kAccounts.name, 0, change(ChangeType::Create, id, ms, fields), 1);
  };
  account("erp:m", 5, {{"name", "m"}, {"city", std::nullopt}});
  account("sf:v", 6, {{"name", "v"}, {"city", "Bonn"}, {"fax", std::nullopt}});
  account("ad:w", 4, {{"name", "w"}, {"city", "Ulm"}, {"fax", "7"}});
  for (const char* victim : {"sf:v", "ad:w"}) {
    runner.pipe(kMergeFacts.name, 0, fact(MergeFactKind::Merge, victim, "erp:m", 9), 1);
  }
  runner.run();
  std::map<std::string, std::string> fields;
  const State state = state_of(runner.all_rows(kAccountStateStore).at("erp:m"));
  for (const auto& [name, value, member, version] : state.fields) {
    fields[name] = value.value_or("null") + " of " + member;
  }
  return fields;
}

using Fields = std::map<std::string, std::string>;

TEST(Survivorship, MasterWinsWithItsNullsUnlessToldOtherwise) {
  const Fields expected{{"city", "null of erp:m"}, {"name", "m of erp:m"}};
  EXPECT_EQ(merged("{}"), expected);
  EXPECT_EQ(merged(R"({"default": "master_wins"})"), expected);
}

TEST(Survivorship, MostRecentTakesTheNewestNullsToo) {
  EXPECT_EQ(merged(R"({"default": "most_recent"})"),
            (Fields{{"city", "Bonn of sf:v"}, {"fax", "null of sf:v"}, {"name", "v of sf:v"}}));
}

TEST(Survivorship, SourcePriorityTakesTheFirstSourceWithAValue) {
  EXPECT_EQ(merged(R"({"default": {"rule": "source_priority", "sources": ["ad", "sf"]}})"),
            (Fields{{"city", "Ulm of ad:w"}, {"fax", "7 of ad:w"}, {"name", "w of ad:w"}}));
  EXPECT_EQ(merged(R"({"default": {"rule": "source_priority", "sources": ["erp", "sf"]}})"),
            (Fields{{"city", "Bonn of sf:v"}, {"fax", "7 of ad:w"}, {"name", "m of erp:m"}}));
}

TEST(Survivorship, FillIfNullTakesOthersValuesForWhatTheMasterLacks) {
  EXPECT_EQ(merged(R"({"default": "fill_if_null"})"),
            (Fields{{"city", "Bonn of sf:v"}, {"fax", "7 of ad:w"}, {"name", "m of erp:m"}}));
}

TEST(Survivorship, FieldsHaveRulesOfTheirOwn) {
  EXPECT_EQ(merged(R"({"fields": {
              "city": "fill_if_null",
              "fax": {"rule": "source_priority", "sources": ["sf"]}}})"),
            (Fields{{"city", "Bonn of sf:v"}, {"fax", "7 of ad:w"}, {"name", "m of erp:m"}}));
}

}  // namespace millrace::crm::survivorship_flow_test
