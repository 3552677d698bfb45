// Erasures on the real engine: what is left on topics and in stores, and what is reported.
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "child_world.h"
#include "crm/account_topology.h"
#include "crm/children/child_topology.h"

namespace millrace::crm::erasure_driver_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class ErasureDriver : public ::testing::Test {
 protected:
  static DriverOptions options() {
    DriverOptions options;
    options.partitions = 4;
    options.topic_partitions = {{std::string(kMergeFacts.name), 1},
                                {std::string(kErasures.name), 1}};
    return options;
  }
  void pipe(const RawChange& change) {
    driver_.pipe_bytes(kRawTopic, change.id, change.event(), driver_.now_ms());
  }
  void merge(const std::string& victim, const std::string& survivor, int64_t ms) {
    driver_.pipe_bytes(kMergeFacts.name, "k", fact(MergeFactKind::Merge, victim, survivor, ms),
                       driver_.now_ms());
  }
  void erase(const std::string& id) {
    ErasureT erasure;
    erasure.id = id;
    erasure.as_of_ms = driver_.now_ms();
    driver_.pipe_bytes(kErasures.name, id, Bytes(Flat<Erasure>(erasure).bytes()), driver_.now_ms());
    driver_.run();
  }
  /// Rows erased by place, over all reports.
  std::map<std::string, uint32_t> reported() {
    std::map<std::string, uint32_t> erased;
    for (const auto& record : driver_.read(kErasureReports)) {
      for (const ErasedPlace* place : *record.value().places()) {
        erased[place->place()->str()] += place->erased();
      }
    }
    return erased;
  }
  std::set<std::string> keys(std::string_view topic) {
    std::set<std::string> keys;
    for (const auto& [key, value] : driver_.table_bytes(topic)) keys.insert(key);
    return keys;
  }

  const std::string a_ = "sf:" + sf_id("001", 'a');
  const std::string b_ = "sf:" + sf_id("001", 'b');
  TopologyDriver driver_{account_topology(child_mapping()), options()};
};

TEST_F(ErasureDriver, OfAVictimLeavesTheSurvivorAlone) {
  pipe({.entity = "Account", .id = sf_id("001", 'a'), .ms = 1, .fields = {{"Name", "A"}}});
  pipe({.entity = "Account", .id = sf_id("001", 'b'), .ms = 1, .fields = {{"Name", "B"}}});
  driver_.run();
  merge(b_, a_, 2);
  driver_.run();
  erase(b_);
  EXPECT_THAT(reported(),
              ElementsAre(Pair("account-rows", 1), Pair("account-states", 1), Pair("child-rows", 0),
                          Pair("crm.redirects", 1), Pair("merge-forest", 1)));
  EXPECT_EQ(keys(kRedirects.name), std::set<std::string>{a_});
  EXPECT_EQ(keys(kAccountStates.name), std::set<std::string>{a_});
  const std::string state = *driver_.store_bytes(kAccountStateStore, Bytes(a_));
  EXPECT_EQ(flatbuffers::GetRoot<AccountState>(state.data())->members()->size(), 1U);
  for (const auto store : {kRowStore, kRedirectStore, kAccountStateStore}) {
    EXPECT_EQ(driver_.store_bytes(store, Bytes(b_)), std::nullopt) << store;
  }
  driver_.crash_and_restart();
  merge(b_, a_, 2);
  pipe({.entity = "Account", .id = sf_id("001", 'b'), .ms = 1, .fields = {{"Name", "B"}}});
  driver_.run();
  EXPECT_EQ(keys(kRedirects.name), std::set<std::string>{a_}) << "old inputs came again";
  EXPECT_EQ(keys(kAccountStates.name), std::set<std::string>{a_});
}

TEST_F(ErasureDriver, OfARootLetsItsVictimsStandForThemselves) {
  pipe({.entity = "Account", .id = sf_id("001", 'a'), .ms = 1, .fields = {{"Name", "A"}}});
  pipe({.entity = "Account", .id = sf_id("001", 'b'), .ms = 1, .fields = {{"Name", "B"}}});
  merge(b_, a_, 2);
  driver_.run();
  erase(a_);
  EXPECT_EQ(keys(kAccountStates.name), std::set<std::string>{b_});
  EXPECT_EQ(driver_.store_bytes(kAccountStateStore, Bytes(a_)), std::nullopt);
}

TEST_F(ErasureDriver, OfALoneAccountReportsItsState) {
  pipe({.entity = "Account", .id = sf_id("001", 'a'), .ms = 1, .fields = {{"Name", "A"}}});
  driver_.run();
  erase(a_);
  EXPECT_EQ(reported()["account-states"], 1U);
  EXPECT_EQ(driver_.store_bytes(kAccountStateStore, Bytes(a_)), std::nullopt);
}

TEST_F(ErasureDriver, OfAChildTakesItFromItsAccount) {
  pipe({.entity = "Account", .id = sf_id("001", 'a'), .ms = 1});
  pipe({.entity = "Contact",
        .id = sf_id("003", 'x'),
        .ms = 1,
        .fields = {{"AccountId", sf_id("001", 'a')}, {"Name", "Jane"}}});
  driver_.run();
  const auto contacts = [&] {
    const std::string state = *driver_.store_bytes(kAccountStateStore, Bytes(a_));
    const auto* counts = flatbuffers::GetRoot<AccountState>(state.data())->children();
    return counts == nullptr ? 0 : counts->contacts();
  };
  EXPECT_EQ(contacts(), 1U);
  erase("sf:" + sf_id("003", 'x'));
  EXPECT_EQ(contacts(), 0U);
  EXPECT_EQ(reported()["child-rows"], 1U);
  EXPECT_EQ(driver_.store_bytes(kChildRowStore, Bytes("contact/sf:" + sf_id("003", 'x'))),
            std::nullopt);
  EXPECT_EQ(keys("test-account-children-changelog"), std::set<std::string>());
  EXPECT_EQ(keys("test-root-children-changelog"), std::set<std::string>());
}

TEST_F(ErasureDriver, OfAnUnknownIdChangesNothing) {
  pipe({.entity = "Account", .id = sf_id("001", 'a'), .ms = 1});
  driver_.run();
  driver_.read_bytes(kAccountStates.name);
  erase(b_);
  EXPECT_THAT(driver_.read_bytes(kAccountStates.name), IsEmpty());
  EXPECT_THAT(driver_.read_bytes(kRedirects.name), IsEmpty());
}

}  // namespace millrace::crm::erasure_driver_test
