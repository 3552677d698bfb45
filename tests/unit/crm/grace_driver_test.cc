// The time between a delete and its being believed, on the real engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "child_world.h"
#include "crm/account_topology.h"

namespace millrace::crm::grace_driver_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using ::testing::Each;
using ::testing::ElementsAre;

constexpr int64_t kGraceMs = 5'000;

class Grace : public ::testing::Test {
 protected:
  void SetUp() override {
    account('a', ChangeType::Create, 1, {{"Name", "A"}});
    account('b', ChangeType::Create, 1, {{"Name", "B"}});
    raw({.entity = "Contact",
         .id = sf_id("003", 'x'),
         .ms = 1,
         .fields = {{"AccountId", sf_id("001", 'a')}}});
    ASSERT_THAT(states_of_a(), ElementsAre("Active A", "Active A, 1 contact"));
  }
  static DriverOptions options() {
    DriverOptions options;
    options.partitions = 2;
    options.topic_partitions = {{std::string(kMergeFacts.name), 1}};
    return options;
  }
  void raw(const RawChange& change) {
    driver_.pipe_bytes(kRawTopic, change.id, change.event(), 1'000);
    driver_.run();
  }
  void account(char letter, ChangeType type, int64_t ms, FieldMap fields = {}) {
    raw({.entity = "Account",
         .id = sf_id("001", letter),
         .type = type,
         .ms = ms,
         .fields = std::move(fields),
         .transaction = "tx" + std::to_string(ms)});
  }
  void merge_a_into_b(int64_t ms) {
    driver_.pipe_bytes(kMergeFacts.name, "k", fact(MergeFactKind::Merge, a_, b_, ms), 1'000);
    driver_.run();
  }
  void wait(int64_t ms) {
    driver_.advance_time(ms);
    driver_.run();
  }
  static std::string text_of(const AccountState& state) {
    std::string text = EnumNameAccountStatus(state.status());
    for (const GoldenField* field : *state.fields()) text += ' ' + field->value()->str();
    if (state.children() != nullptr) {
      text += ", " + std::to_string(state.children()->contacts()) + " contact";
    }
    return state.delete_pending() ? text + ", pending" : text;
  }
  /// The published states of account a since the last call.
  std::vector<std::string> states_of_a() {
    std::vector<std::string> states;
    for (const auto& record : driver_.read_bytes(kAccountStates.name)) {
      if (record.key != a_) continue;
      states.push_back(record.value
                           ? text_of(*flatbuffers::GetRoot<AccountState>(record.value->data()))
                           : "gone");
    }
    return states;
  }
  std::string state_of_b() {
    return text_of(*flatbuffers::GetRoot<AccountState>(
        driver_.table_bytes(kAccountStates.name).at(b_).data()));
  }

  const std::string a_ = "sf:" + sf_id("001", 'a');
  const std::string b_ = "sf:" + sf_id("001", 'b');
  TopologyDriver driver_{account_topology(child_mapping(), {.delete_grace_ms = kGraceMs}),
                         options()};
};

TEST_F(Grace, DeletedAccountStaysAsItWasUntilItIsOver) {
  account('a', ChangeType::Delete, 5);
  EXPECT_THAT(states_of_a(), ElementsAre("Active A, 1 contact, pending"));
  wait(kGraceMs - 1);
  EXPECT_THAT(states_of_a(), ElementsAre());
  wait(1);
  EXPECT_THAT(states_of_a(), ElementsAre("gone"));
  wait(kGraceMs);
  EXPECT_THAT(states_of_a(), ElementsAre());
}

TEST_F(Grace, GoesOnAfterACrash) {
  account('a', ChangeType::Delete, 5);
  wait(kGraceMs - 1);
  driver_.crash_and_restart();
  driver_.run();
  EXPECT_THAT(states_of_a(), ElementsAre("Active A, 1 contact, pending"));
  wait(1);
  EXPECT_THAT(states_of_a(), ElementsAre("gone"));
}

TEST_F(Grace, SignalMakesAMergeOfTheDeleteWithNothingBetween) {
  account('a', ChangeType::Delete, 5);
  wait(kGraceMs - 1);
  EXPECT_EQ(state_of_b(), "Active B");
  merge_a_into_b(5);
  EXPECT_EQ(state_of_b(), "Active B, 1 contact");
  wait(kGraceMs);
  EXPECT_THAT(states_of_a(), ElementsAre("Active A, 1 contact, pending", "gone"));
  EXPECT_EQ(state_of_b(), "Active B, 1 contact");
}

TEST_F(Grace, InferredMergeIsASignalToo) {
  account('a', ChangeType::Delete, 5);
  account('b', ChangeType::Update, 5);
  raw({.entity = "Contact",
       .id = sf_id("003", 'x'),
       .type = ChangeType::Update,
       .ms = 5,
       .fields = {{"AccountId", sf_id("001", 'b')}},
       .transaction = "tx5"});
  EXPECT_EQ(state_of_b(), "Active B, 1 contact");
  wait(kGraceMs);
  const std::vector<std::string> states = states_of_a();
  EXPECT_EQ(std::ranges::count(states, "gone"), 1);
  EXPECT_EQ(states.back(), "gone");
}

TEST_F(Grace, LateSignalStillWorks) {
  account('a', ChangeType::Delete, 5);
  wait(kGraceMs);
  EXPECT_THAT(states_of_a(), ElementsAre("Active A, 1 contact, pending", "gone"));
  merge_a_into_b(5);
  EXPECT_EQ(state_of_b(), "Active B, 1 contact");
  // Its child makes it pending until that has moved, too.
  EXPECT_THAT(states_of_a(), Each("gone"));
}

TEST_F(Grace, UndeleteEndsIt) {
  account('a', ChangeType::Delete, 5);
  account('a', ChangeType::Undelete, 6, {{"Name", "A2"}});
  wait(kGraceMs);
  EXPECT_THAT(states_of_a(), ElementsAre("Active A, 1 contact, pending", "Active A2, 1 contact"));
  account('a', ChangeType::Delete, 7);
  wait(kGraceMs - 1);
  EXPECT_THAT(states_of_a(), ElementsAre("Active A2, 1 contact, pending"));
}

TEST_F(Grace, WhatElseHappensToTheAccountIsSeenMeanwhile) {
  account('a', ChangeType::Delete, 5, {{"MasterRecordId", std::nullopt}});
  raw({.entity = "Contact",
       .id = sf_id("003", 'y'),
       .ms = 6,
       .fields = {{"AccountId", sf_id("001", 'a')}}});
  EXPECT_THAT(states_of_a(),
              ElementsAre("Active A, 1 contact, pending", "Active A, 2 contact, pending"));
  wait(kGraceMs);
  EXPECT_THAT(states_of_a(), ElementsAre("gone"));
}

TEST_F(Grace, IsForAccountsThatWereThere) {
  account('c', ChangeType::Delete, 5);
  EXPECT_FALSE(driver_.table_bytes(kAccountStates.name).contains("sf:" + sf_id("001", 'c')));
}

}  // namespace millrace::crm::grace_driver_test
