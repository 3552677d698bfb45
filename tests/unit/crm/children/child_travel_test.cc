// Which changes of a child's row reach its account, and its root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "account_world.h"
#include "child_update_generated.h"
#include "crm/account_topology.h"
#include "crm/accounts/row_materializer.h"
#include "crm/children/child_index.h"
#include "crm/children/child_router.h"
#include "crm/erasure/row_eraser.h"
#include "crm/mapping/child_key.h"
#include "crm/model/account_row.h"
#include "crm/model/composite_key.h"
#include "crm/model/topology_nodes.h"
#include "redirect_generated.h"

namespace millrace::crm::child_travel_test {

using millrace::testing::DriverRecord;
using millrace::testing::TopologyDriver;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Topic<std::string, AccountChange> kChanges{"changes"};
constexpr Topic<std::string, ChildUpdate> kToAccounts{"crm.to-accounts"};
constexpr Topic<std::string, ChildUpdate> kToRoots{"crm.to-roots"};

/// From changes of children to their accounts' tasks, and from there to their roots'.
Result<Topology> topology() {
  ParentFields parents;
  parents.fill("account");
  Nodes nodes{std::string(kTopicPrefix)};
  const NodeIndex changes = nodes.source("changes", use_of(kChanges));
  const NodeIndex rows = nodes.processor("rows", row_materializer("rows", "erasures"), {changes},
                                         {"rows", "erasures"});
  const NodeIndex erasures = nodes.source("erasures", use_of(kErasures));
  const NodeIndex eraser =
      nodes.processor("eraser", row_eraser({.rows = "rows", .erasures = "erasures"}), {erasures},
                      {"rows", "erasures"});
  const NodeIndex router = nodes.processor("router", child_router(parents), {rows, eraser});
  nodes.sink("reports-out", use_of(kErasureReports), eraser, false);
  nodes.sink("accounts-out", use_of(kToAccounts), router, false);
  const NodeIndex index = nodes.processor(
      "index",
      child_index({.entries = "entries", .redirects = "redirects", .moves = {}, .timers = {}}),
      {router}, {"entries", "redirects"});
  nodes.sink("roots-out", use_of(kToRoots), index, false);
  return Topology::create("children", nodes.take(),
                          {store_of<AccountRow>("rows"), store_of<Erasure>("erasures"),
                           store_of<ChildUpdate>("entries"), store_of<Redirect>("redirects")});
}

/// A ChildUpdate in short: "-" for a retraction, else the account and the row's fields.
std::string short_form(const ChildUpdate& update) {
  const std::string account = update.account()->str();
  if (update.retract()) return "-" + account;
  const RowView row = read_row(*update.row());
  EXPECT_EQ(row.id, update.child()->string_view());
  EXPECT_EQ(row.status, RowStatus::Live);
  std::string text = account;
  for (const FieldView& field : row.fields) {
    EXPECT_EQ(field.version, view_of(*update.version()));
    text.append(1, ' ').append(field.name).append(1, '=').append(field.value.value_or("null"));
  }
  for (const std::string_view name : row.unknown_fields()) {
    text.append(1, ' ').append(name).append("=?");
  }
  return text;
}

class ChildTravel : public ::testing::Test {
 protected:
  void change_of(ChildKind kind, ChangeType type, const FieldMap& fields,
                 const std::vector<std::string>& unknown = {}) {
    const std::string bytes = change(type, "s:1", ++ms_, fields);
    AccountChangeT change;
    flatbuffers::GetRoot<AccountChange>(bytes.data())->UnPackTo(&change);
    change.unknown_fields = unknown;
    driver_.pipe(kChanges, child_key(kind, "s:1"), Flat<AccountChange>(change), 1);
    driver_.run();
  }
  void asset(ChangeType type, const FieldMap& fields,
             const std::vector<std::string>& unknown = {}) {
    change_of(ChildKind::Asset, type, fields, unknown);
  }
  void update(const FieldMap& fields, const std::vector<std::string>& unknown = {}) {
    asset(ChangeType::Update, fields, unknown);
  }
  void erase_through(int64_t as_of_ms) {
    ErasureT erasure;
    erasure.id = "s:1";
    erasure.as_of_ms = as_of_ms;
    const Flat<Erasure> flat(erasure);
    driver_.pipe_bytes(kErasures.name, child_key(ChildKind::Asset, "s:1"), Bytes(flat.bytes()), 1);
    driver_.run();
  }
  std::vector<std::string> sent(std::string_view topic) {
    std::vector<std::string> sent;
    for (const DriverRecord& record : driver_.read_bytes(topic)) {
      sent.push_back(short_form(*flatbuffers::GetRoot<ChildUpdate>(record.value->data())));
    }
    return sent;
  }
  std::vector<std::string> to_accounts() { return sent(kToAccounts.name); }
  std::vector<std::string> to_roots() { return sent(kToRoots.name); }
  /// Of both ways, which must have the same.
  std::vector<std::string> all_the_way() {
    std::vector<std::string> sent = to_accounts();
    EXPECT_EQ(sent, to_roots());
    return sent;
  }

  int64_t ms_ = 0;
  TopologyDriver driver_{topology()};
};

TEST_F(ChildTravel, AContactIsOnlyThere) {
  const auto contact = [this](ChangeType type, const FieldMap& fields) {
    change_of(ChildKind::Contact, type, fields);
  };
  contact(ChangeType::Create, {{"account", "s:a"}, {"name", "Ada"}, {"status", "new"}});
  EXPECT_THAT(all_the_way(), ElementsAre("s:a"));
  contact(ChangeType::Update, {{"name", "Eve"}, {"status", "old"}});
  contact(ChangeType::Gap, {});
  EXPECT_THAT(all_the_way(), IsEmpty());
  contact(ChangeType::Delete, {});
  EXPECT_THAT(all_the_way(), ElementsAre("-s:a"));
  contact(ChangeType::Undelete, {{"account", "s:a"}});
  EXPECT_THAT(all_the_way(), ElementsAre("s:a"));
}

TEST_F(ChildTravel, FieldsThatGrantFeaturesTravelAndNoOthers) {
  asset(ChangeType::Create,
        {{"account", "s:a"}, {"name", "Ada"}, {"quantity", "3"}, {"product", ""}});
  EXPECT_THAT(all_the_way(), ElementsAre("s:a quantity=3"));
  update({{"name", "Eve"}, {"quantity", "3"}, {"product", std::nullopt}});
  EXPECT_THAT(all_the_way(), IsEmpty());
  update({{"quantity", "4"}, {"end_date", "2024-05-31"}});
  EXPECT_THAT(all_the_way(), ElementsAre("s:a end_date=2024-05-31 quantity=4"));
  update({{"quantity", std::nullopt}});
  EXPECT_THAT(all_the_way(), ElementsAre("s:a end_date=2024-05-31"));
}

TEST_F(ChildTravel, FieldsOfUnknownValueTravel) {
  asset(ChangeType::Create, {{"account", "s:a"}, {"quantity", "3"}});
  EXPECT_THAT(all_the_way(), SizeIs(1));
  update({}, {"name"});
  EXPECT_THAT(all_the_way(), IsEmpty());
  update({}, {"quantity"});
  EXPECT_THAT(all_the_way(), ElementsAre("s:a quantity=?"));
  update({}, {"quantity"});
  EXPECT_THAT(all_the_way(), IsEmpty());
  update({{"quantity", "3"}});
  EXPECT_THAT(all_the_way(), ElementsAre("s:a quantity=3"));
}

TEST_F(ChildTravel, ANewSinceVersionStaysAtTheAccount) {
  const FieldMap fields{{"account", "s:a"}, {"quantity", "3"}};
  asset(ChangeType::Create, fields);
  EXPECT_THAT(all_the_way(), SizeIs(1));
  asset(ChangeType::Create, fields);
  EXPECT_THAT(to_accounts(), ElementsAre("s:a quantity=3"));
  EXPECT_THAT(to_roots(), IsEmpty());
  const auto entry = driver_.store_bytes("entries", key_under("s:a", "asset/s:1"));
  ASSERT_TRUE(entry.has_value());
  const auto& stored = *flatbuffers::GetRoot<ChildUpdate>(entry->data());
  EXPECT_EQ(stored.since()->commit_timestamp_ms(), ms_);
}

TEST_F(ChildTravel, AnErasureTravelsAsFarAsItTakesSomethingThere) {
  asset(ChangeType::Create, {{"account", "s:a"}, {"name", "Ada"}, {"quantity", "3"}});
  update({{"account", "s:a"}, {"quantity", "4"}});
  const int64_t of_quantity_ms = ms_;
  EXPECT_THAT(all_the_way(), ElementsAre("s:a quantity=3", "s:a quantity=4"));
  erase_through(1);
  EXPECT_THAT(all_the_way(), IsEmpty());
  update({{"account", "s:a"}});
  EXPECT_THAT(to_accounts(), SizeIs(1));
  erase_through(of_quantity_ms);
  EXPECT_THAT(all_the_way(), ElementsAre("s:a"));
  erase_through(ms_);
  EXPECT_THAT(all_the_way(), ElementsAre("-s:a"));
}

TEST_F(ChildTravel, AMoveTravelsWithTheRowsVersion) {
  asset(ChangeType::Create, {{"account", "s:a"}, {"quantity", "3"}});
  update({{"name", "Eve"}});
  all_the_way();
  --ms_;
  update({{"account", "s:b"}});
  driver_.read_bytes(kToRoots.name);
  const auto sent = driver_.read_bytes(kToAccounts.name);
  ASSERT_THAT(sent, SizeIs(2));
  const auto& left = *flatbuffers::GetRoot<ChildUpdate>(sent[0].value->data());
  EXPECT_EQ(short_form(left), "-s:a");
  const auto& came = *flatbuffers::GetRoot<ChildUpdate>(sent[1].value->data());
  EXPECT_EQ(short_form(came), "s:b quantity=3");
  EXPECT_EQ(came.version()->commit_timestamp_ms(), 2);
  update({{"account", std::nullopt}});
  EXPECT_THAT(all_the_way(), ElementsAre("-s:b"));
}

}  // namespace millrace::crm::child_travel_test
