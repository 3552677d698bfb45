#include "apps/cli/replay_compare.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "millrace/core/serde.h"

#include "apps/cli/field_paths.h"
#include "apps/tools/known_types.h"
#include "crm/account_topology.h"
#include "crm/model/output_topic.h"
#include "engine/testing/memory_broker.h"

namespace millrace::apps::replay_compare_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemoryBroker;
using testing::StoredRecord;
using Json = nlohmann::ordered_json;

std::string state(const std::string& root, const std::string& website, uint64_t version) {
  crm::AccountStateT state;
  state.root = root;
  state.version = version;
  auto field = std::make_unique<crm::GoldenFieldT>();
  field->name = "website";
  field->value = website;
  field->member = root;
  field->version = std::make_unique<crm::VersionT>();
  state.fields.push_back(std::move(field));
  return Flat<crm::AccountState>(state).bytes();
}

std::string territory(const std::string& root, uint64_t epoch) {
  crm::AccountTerritoryT row;
  row.root = root;
  row.territory = "t:1";
  row.alignment_epoch = epoch;
  return Flat<crm::AccountTerritory>(row).bytes();
}

class ReplayCompare : public ::testing::Test {
 protected:
  ReplayCompare() {
    for (const std::string prefix : {"crm.", "crm.next."}) {
      for (const auto name : {crm::kRedirects.name, crm::kAccountStates.name}) {
        broker_.create_topic(crm::output_topic(name, prefix), 2);
      }
      broker_.create_topic(crm::output_topic(crm::kAccountTerritories.name, prefix), 1);
    }
    options_.shadow_prefix = "crm.next.";
    options_.pause_ms = 0;
  }

  void write(const std::string& topic, const std::string& key,
             const std::optional<std::string>& value) {
    StoredRecord record;
    record.key = key;
    record.value = value;
    broker_.append({topic, 0}, std::move(record));
  }
  Result<CompareOutcome> compare() {
    out_.str("");
    const auto clients = broker_.clients();
    return compare_outputs(options_, *clients, out_);
  }
  std::vector<Json> lines() {
    std::vector<Json> lines;
    std::istringstream text(out_.str());
    for (std::string line; std::getline(text, line);) lines.push_back(Json::parse(line));
    return lines;
  }

  MemoryBroker broker_;
  CompareOptions options_;
  std::ostringstream out_;
};

TEST_F(ReplayCompare, LeavesCountersOut) {
  write("crm.account-state", "a:1", state("a:1", "w", 7));
  write("crm.next.account-state", "a:1", state("a:1", "w", 2));
  write("crm.account-territories", "a:1", territory("a:1", 3));
  write("crm.next.account-territories", "a:1", territory("a:1", 1));
  const auto outcome = compare();
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_EQ(outcome->keys, 2);
  EXPECT_EQ(outcome->different, 0);
  EXPECT_EQ(out_.str(), "{\"topics\":3,\"keys\":2,\"different\":0,\"shown\":0}\n");
}

TEST_F(ReplayCompare, NamesFieldsAndMissingKeys) {
  write("crm.account-state", "a:1", state("a:1", "old", 1));
  write("crm.next.account-state", "a:1", state("a:1", "new", 1));
  write("crm.account-state", "a:2", state("a:2", "w", 1));
  write("crm.next.account-state", "a:3", state("a:3", "w", 1));
  write("crm.account-state", "a:4", state("a:4", "w", 1));
  write("crm.account-state", "a:4", std::nullopt);
  options_.reveals = true;
  const auto outcome = compare();
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_EQ(outcome->keys, 3);
  EXPECT_EQ(outcome->different, 3);
  EXPECT_EQ(lines()[0].dump(), R"({"topic":"crm.account-state","key":"a:1","differences":[)"
                               R"({"field":"fields.website.value","live":"old","shadow":"new"}]})");
  EXPECT_EQ(lines()[1].dump(), R"({"topic":"crm.account-state","key":"a:2","only_in":"live"})");
  EXPECT_EQ(lines()[2].dump(), R"({"topic":"crm.account-state","key":"a:3","only_in":"shadow"})");
  options_.limit = 1;
  ASSERT_TRUE(compare().ok());
  EXPECT_THAT(out_.str(), HasSubstr(R"("different":3,"shown":1})"));
  options_.ignored = {"fields.website"};
  EXPECT_EQ(compare()->different, 2);
  options_.ignored = {"fields.web"};
  EXPECT_EQ(compare()->different, 3);
}

TEST_F(ReplayCompare, HidesValuesUnlessAMappingTellsWhichArePersonal) {
  write("crm.account-state", "a:1", state("a:1", "old", 1));
  write("crm.next.account-state", "a:1", state("a:1", "new", 1));
  ASSERT_TRUE(compare().ok());
  EXPECT_EQ(lines()[0]["differences"].dump(),
            R"([{"field":"fields.website.value","live":"***","shadow":"***"}])");
  const auto file = std::filesystem::path(::testing::TempDir()) / "replay_mapping.json";
  const auto with_mapping = [&](const char* field) {
    std::ofstream(file) << R"({"topics": {"raw": {"format": "debezium", "source": "a", "entities":
        {"t": {"type": "account", "id": "id", "fields": {"w": )"
                        << field << "}}}}}}";
    options_.mapping_file = file;
    const auto outcome = compare();
    EXPECT_TRUE(outcome.ok()) << outcome.message();
    return lines()[0]["differences"][0]["shadow"];
  };
  EXPECT_EQ(with_mapping(R"({"name": "website"})"), "new");
  EXPECT_EQ(with_mapping(R"({"name": "website", "personal": true})"), "***");
  options_.reveals = true;
  EXPECT_EQ(with_mapping(R"({"name": "website", "personal": true})"), "new");
  std::filesystem::remove(file);
}

TEST_F(ReplayCompare, ShowsNothingOfBytesThatAreNoTable) {
  write("crm.account-state", "a:1", "me@x.org, and no table");
  write("crm.next.account-state", "a:1", "me@y.org, and no table");
  const auto file = std::filesystem::path(::testing::TempDir()) / "replay_no_table.json";
  std::ofstream(file) << R"({"topics": {"crm.accounts": {"format": "flatbuffers"}}})";
  options_.mapping_file = file;
  ASSERT_TRUE(compare().ok());
  EXPECT_EQ(lines()[0]["differences"].dump(),
            R"([{"field":"invalid","live":"***","shadow":"***"}])");
  std::filesystem::remove(file);
}

TEST_F(ReplayCompare, ReadsCommittedRecordsOnlyAndSaysWhichTopicIsMissing) {
  options_.shadow_prefix = "crm.other.";
  EXPECT_EQ(compare().code(), ErrorCode::kNotFound);
  EXPECT_THAT(compare().message(), HasSubstr("crm.other.redirects"));
  options_.shadow_prefix = "crm.";
  EXPECT_EQ(compare().code(), ErrorCode::kInvalidArgument);
  options_.shadow_prefix = "crm.next.";
  broker_.create_topic("crm.entitlements", 1);
  EXPECT_THAT(compare().message(), HasSubstr("crm.next.entitlements"));
}

TEST(FieldPaths, TellWhereTheyStand) {
  const Json json = Json::parse(R"({"a":{"b":1,"c":null},"m":[{"id":"x","v":2},{"id":"y"}],
      "n":[{"name":"p","v":3}],"two":[{"id":"x"},{"id":"x"}],"texts":["t"],"none":[]})");
  std::vector<std::string> names;
  for (const auto& [name, value] : field_paths(json)) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("a.b", "a.c", "m.x.id", "m.x.v", "m.y.id", "n.p.name", "n.p.v",
                                 "none", "texts.0", "two.0.id", "two.1.id"));
  EXPECT_TRUE(is_in_field("a.b", "a"));
  EXPECT_TRUE(is_in_field("a", "a"));
  EXPECT_FALSE(is_in_field("ab", "a"));
}

TEST(OutputPrefix, IsOfAllThatIsWrittenAndOfRedirectsThatAreReadBack) {
  crm::AccountOptions options;
  options.output_prefix = "crm.next.";
  const auto topology = crm::account_topology(crm::default_mapping(), options);
  ASSERT_TRUE(topology.ok()) << topology.message();
  std::set<std::string> written;
  std::set<std::string> read;
  for (const Node& node : topology->nodes()) {
    if (node.kind == NodeKind::kSink) written.insert(node.topic.name);
    if (node.kind == NodeKind::kSource) read.insert(node.topic.name);
  }
  EXPECT_THAT(written,
              ElementsAre("crm.next.account-state", "crm.next.account-territories",
                          "crm.next.conflicts", "crm.next.erasure-reports", "crm.next.redirects"));
  EXPECT_THAT(read,
              ElementsAre("crm.accounts", "crm.erasures", "crm.merge-facts", "crm.next.redirects"));
  const auto reads_itself =
      crm::account_topology(crm::flatbuffers_mapping("crm.next.account-state"), options);
  EXPECT_EQ(reads_itself.status().code(), ErrorCode::kConfig);
}

TEST(KnownTypes, OfOutputsAreFoundUnderAnotherPrefix) {
  EXPECT_EQ(find_type_by_topic("crm.next.redirects", "crm.next."), find_type_by_name("Redirect"));
  EXPECT_EQ(find_type_by_topic("crm.redirects", "crm.next."), find_type_by_name("Redirect"));
  EXPECT_EQ(find_type_by_topic("crm.next.redirects"), nullptr);
  EXPECT_EQ(find_type_by_topic("crm.next.territories", "crm.next."), nullptr) << "an input";
}

}  // namespace millrace::apps::replay_compare_test
