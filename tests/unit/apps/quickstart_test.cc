// The output of the quickstart, and its change over time.
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "millrace/testing/topology_driver.h"

#include "apps/tools/flat_json.h"
#include "apps/workload/registry_history.h"
#include "crm/account_topology.h"
#include "crm/mapping/mapping.h"
#include "crm/model/composite_key.h"

namespace millrace::apps::quickstart_test {

using testing::DriverOptions;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::TopologyDriver;
using Json = nlohmann::ordered_json;
using Amounts = std::map<std::string, std::string>;

constexpr const char* kVictim = "ror:01rhba952";
constexpr const char* kSurvivor = "ror:02fctgp09";
constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;
/// The last day of the survivor's licence begins, 2036-06-30.
constexpr int64_t kLastDayMs = 2'098'396'800'000;
constexpr int64_t kRealignMs = 1'000;

std::filesystem::path data(const std::string& name) {
  return std::filesystem::path(APPS_DATA) / name;
}

class Quickstart : public ::testing::Test {
 protected:
  Quickstart() {
    for (const auto& file : std::filesystem::directory_iterator(data("topics"))) {
      load(file.path().stem(), file.path());
    }
    RegistryChanges registry;
    const Status read = for_each_line(
        data("registry.jsonl.gz"), [&](std::string_view line, int64_t index) -> Status {
          auto event = registry.convert(line, index);
          if (!event.ok()) return event.status();
          const bool is_shown = event->key == kVictim || event->key == kSurvivor;
          if (is_shown && event->release < release_ordinal("v1.39")) {
            driver_.pipe_bytes(crm::kAccounts.name, event->key, Bytes(event->value),
                               driver_.now_ms());
          }
          return {};
        });
    EXPECT_TRUE(read.ok()) << read.message();
    run_after(kRealignMs);
  }

  static DriverOptions options() {
    DriverOptions options;
    options.partitions = 4;
    options.topic_partitions = {{std::string(crm::kMergeFacts.name), 1}};
    for (const TopicUse& table : crm::territory_tables()) options.topic_partitions[table.name] = 1;
    options.topic_partitions[std::string(crm::kProductFeatures.name)] = 1;
    options.start_time_ms = kLastDayMs - kDayMs;
    return options;
  }

  void load(const std::string& topic, const std::filesystem::path& file) {
    const KnownType* type = find_type_by_topic(topic);
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
      const Json record = Json::parse(line);
      const auto value = type == nullptr ? Result<std::string>(record["value"].dump())
                                         : FlatJson(*type).from_json(record["value"]);
      ASSERT_TRUE(value.ok()) << topic << ": " << value.message();
      const auto key = record["key"].get<std::string>();
      driver_.pipe_bytes(topic, key, Bytes(*value), driver_.now_ms());
    }
  }
  void merge() {
    const Status read =
        for_each_merge_fact(data("registry_merges.csv"), kRegistrySource, [&](auto event) {
          if (event.key == kVictim) {
            driver_.pipe_bytes(crm::kMergeFacts.name, event.key, Bytes(event.value),
                               driver_.now_ms());
          }
          return Status();
        });
    EXPECT_TRUE(read.ok()) << read.message();
    run_after(kRealignMs);
  }
  void run_after(int64_t ms) {
    driver_.advance_time(ms);
    driver_.run();
  }

  std::set<std::string> territories(const std::string& root) {
    std::set<std::string> territories;
    for (const auto& [key, value] : driver_.table_bytes(crm::kAccountTerritories.name)) {
      if (crm::root_in_key(Bytes(key)) == Bytes(root)) {
        territories.emplace(crm::name_in_key(Bytes(key)));
      }
    }
    return territories;
  }
  /// The current entitlement by feature: the text, else the amount; with a mark in grace.
  Amounts entitlements(const std::string& root) {
    Amounts now;
    for (const auto& [key, value] : driver_.table_bytes(crm::kEntitlements.name)) {
      if (crm::root_in_key(Bytes(key)) != Bytes(root)) continue;
      const auto* current = flatbuffers::GetRoot<crm::FeatureEntitlement>(value.data())->current();
      std::string shown = "none";
      if (current != nullptr) {
        shown =
            current->text() != nullptr ? current->text()->str() : std::to_string(current->amount());
        if (current->status() == crm::EntitlementStatus::Grace) shown += " in grace";
      }
      now.emplace(crm::name_in_key(Bytes(key)), shown);
    }
    return now;
  }

  TopologyDriver driver_{crm::account_topology(*crm::load_mapping(data("mapping.json"))),
                         options()};
};

TEST_F(Quickstart, ShowsTerritoriesAndEntitlementsBeforeAndAfterAMerge) {
  EXPECT_THAT(territories(kVictim), ElementsAre("sales:us-northeast"));
  EXPECT_THAT(entitlements(kVictim), ElementsAre(Pair("seats", "40"), Pair("support", "standard")));
  EXPECT_THAT(territories(kSurvivor), ElementsAre("sales:us-south"));
  EXPECT_THAT(entitlements(kSurvivor),
              ElementsAre(Pair("seats", "100"), Pair("support", "premium")));
  merge();
  EXPECT_THAT(territories(kVictim), IsEmpty());
  EXPECT_THAT(entitlements(kVictim), IsEmpty());
  EXPECT_THAT(territories(kSurvivor), ElementsAre("sales:us-south"));
  EXPECT_THAT(entitlements(kSurvivor),
              ElementsAre(Pair("seats", "140"), Pair("support", "premium")));
}

TEST_F(Quickstart, DatesFlipWhenTheClockMoves) {
  merge();
  run_after(kLastDayMs + kDayMs - 1 - driver_.now_ms());
  EXPECT_THAT(entitlements(kSurvivor),
              ElementsAre(Pair("seats", "140"), Pair("support", "premium")));
  driver_.crash_and_restart();
  run_after(1);
  EXPECT_THAT(entitlements(kSurvivor),
              ElementsAre(Pair("seats", "40"), Pair("support", "standard")));
  // 2038-12-31 is over: nothing is left.
  run_after(914 * kDayMs);
  EXPECT_THAT(entitlements(kSurvivor), ElementsAre(Pair("seats", "none"), Pair("support", "none")));
}

}  // namespace millrace::apps::quickstart_test
