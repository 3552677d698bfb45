#include "apps/materializer/index_answer.h"

#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "millrace/core/index.h"
#include "millrace/core/serde.h"

#include "account_state_generated.h"
#include "account_territory_generated.h"
#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "crm/indexes/crm_indexes.h"
#include "feature_entitlement_generated.h"

namespace millrace::apps::index_answer_test {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Indexes of one partition, filled by hand.
class FakeIndexes final : public Queries {
 public:
  template <class Value>
  void add(std::string_view store, std::string_view index, const Value& value,
           const std::string& key, std::string row) {
    std::string entry;
    append_indexed(value, entry);
    rows_[index_store_name(store, index)][entry + key] = std::move(row);
  }

  Result<StoreAnswer> get(std::string_view, Bytes, Bytes) const override {
    return Error{ErrorCode::kInvalidArgument, "no single rows here"};
  }
  Result<std::vector<StatePosition>> scan(std::string_view, const RowRange&,
                                          const RowVisitor&) const override {
    return std::vector<StatePosition>();
  }
  Result<int32_t> partitions_of(std::string_view store) const override {
    if (!derives_entitlements && store == crm::kEntitlementStateStore) {
      return Error{ErrorCode::kInvalidArgument, "no such store"};
    }
    return 1;
  }
  Result<StatePosition> scan_partition(std::string_view store, int32_t, const RowRange& range,
                                       const RowVisitor& visit) const override {
    if (is_being_built) return Error{ErrorCode::kNotReady, "being built: about 40 %"};
    const auto found = rows_.find(store);
    if (found == rows_.end()) return StatePosition();
    for (const auto& [entry, row] : found->second) {
      if (!range.from.is_null() && Bytes(entry) < range.from) continue;
      if (!range.to.is_null() && !(Bytes(entry) < range.to)) continue;
      if (!visit({1, 0}, Bytes(entry), {Bytes(row), 1})) break;
    }
    return StatePosition();
  }
  std::vector<TaskInfo> tasks() const override { return {}; }
  const Queries& with_standbys() const override { return *this; }

  bool is_being_built = false;
  bool derives_entitlements = true;

 private:
  std::map<std::string, std::map<std::string, std::string>, std::less<>> rows_;
};

class IndexAnswerTest : public ::testing::Test {
 protected:
  void account(const std::string& root, const std::string& mail, int64_t members) {
    crm::AccountStateT state;
    state.root = root;
    state.fields.push_back(std::make_unique<crm::GoldenFieldT>());
    state.fields.back()->name = "mail";
    state.fields.back()->value = mail;
    state.fields.back()->member = root;
    state.fields.back()->version = std::make_unique<crm::VersionT>();
    const std::string row(Flat<crm::AccountState>(state).bytes());
    queries_.add(crm::kAccountStateStore, crm::kByMembers, members, root, row);
    queries_.add(crm::kAccountStateStore, "by-field.mail", mail, root, row);
  }
  HttpAnswer ask(std::map<std::string, std::string> parameters, Rights rights = {Right::kRead}) {
    return accounts_by_index(queries_, fields_,
                             {.parameters = std::move(parameters), .rights = rights}, mask_)
        .answer;
  }
  json accounts(std::map<std::string, std::string> parameters, Rights rights = {Right::kRead}) {
    const HttpAnswer answer = ask(std::move(parameters), rights);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    return json::parse(answer.body)["accounts"];
  }

  FakeIndexes queries_;
  std::vector<crm::IndexedField> fields_{{"mail", crm::FieldType::Undeclared}};
  PersonalMask mask_{crm::parse_mapping(R"({"topics": {"raw": {
      "format": "salesforce_cometd", "source": "s", "entities": {"Account": {
        "type": "account", "fields": {"Mail": {"name": "mail", "personal": true}}}}}}})")
                         .value()};
};

TEST_F(IndexAnswerTest, GivesAccountsWithTheirValueAndHidesPersonalFields) {
  account("s:a", "a@example.org", 3);
  account("s:b", "b@example.org", 1);
  const json found = accounts({{"index", "by-members"}, {"from", "2"}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["root"], "s:a");
  EXPECT_EQ(found[0]["value"], 3);
  EXPECT_EQ(found[0]["fields"]["mail"], "***");
  EXPECT_EQ(accounts({{"index", "by-members"}}).size(), 2U);
  EXPECT_EQ(accounts({{"index", "by-members"}, {"value", "1"}}, Rights::all())[0]["fields"]["mail"],
            "b@example.org");
}

TEST_F(IndexAnswerTest, AsksForTheRightToSearchByAPersonalField) {
  account("s:a", "a@example.org", 3);
  const std::map<std::string, std::string> search{{"index", "by-field.mail"}, {"prefix", "a@"}};
  EXPECT_EQ(ask(search).status, 401U);
  EXPECT_EQ(accounts(search, {Right::kRead, Right::kPersonal})[0]["root"], "s:a");
}

TEST_F(IndexAnswerTest, RefusesParametersThatDoNotFit) {
  EXPECT_EQ(ask({{"index", "by-members"}, {"value", "many"}}).status, 400U);
  EXPECT_EQ(ask({{"index", "by-members"}, {"value", "1 "}}).status, 400U);
  EXPECT_EQ(ask({{"index", "by-members"}, {"value", ""}}).status, 400U);
  EXPECT_EQ(ask({{"index", "by-members"}, {"prefix", "1"}}).status, 400U);
  EXPECT_EQ(ask({{"index", "by-territory"}, {"value", "a"}, {"to", "b"}}).status, 400U);
  EXPECT_EQ(ask({{"index", "by-territory"}, {"page", "nonsense"}}).status, 400U);
}

TEST_F(IndexAnswerTest, TellsHowFarAnIndexIsBuilt) {
  queries_.is_being_built = true;
  const HttpAnswer answer = ask({{"index", "by-members"}});
  EXPECT_EQ(answer.status, 409U);
  EXPECT_THAT(answer.body, HasSubstr("about 40 %"));
}

TEST_F(IndexAnswerTest, FindsAccountsByTerritory) {
  crm::AccountTerritoryT row;
  row.root = "s:a";
  row.territory = "s:north";
  row.rules = {"s:rule"};
  queries_.add(crm::kAccountTerritoryStore, crm::kByTerritory, row.territory, "key",
               std::string(Flat<crm::AccountTerritory>(row).bytes()));
  const json found = accounts({{"index", "by-territory"}, {"value", "s:north"}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["root"], "s:a");
  EXPECT_EQ(found[0]["value"], "s:north");
  EXPECT_THAT(found[0]["rules"], ElementsAre("s:rule"));
}

TEST_F(IndexAnswerTest, FindsEntitlementsThatExpire) {
  crm::FeatureEntitlementT row;
  row.root = "s:a";
  row.feature = "seats";
  row.segments.push_back(std::make_unique<crm::EntitlementSegmentT>());
  row.segments.back()->to_ms = 50;
  queries_.add(crm::kEntitlementStateStore, crm::kByExpiry, int64_t{50}, "key",
               std::string(Flat<crm::FeatureEntitlement>(row).bytes()));
  const auto ask_for = [&](std::map<std::string, std::string> parameters) {
    return entitlements_by_index(queries_,
                                 {.parameters = std::move(parameters), .rights = {Right::kRead}})
        .answer;
  };
  const HttpAnswer answer =
      ask_for({{"index", "by-expiry"}, {"from", "40"}, {"to", "60"}, {"as_of_ms", "45"}});
  ASSERT_EQ(answer.status, 200U) << answer.body;
  const json found = json::parse(answer.body)["entitlements"];
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["feature"], "seats");
  EXPECT_EQ(found[0]["value"], 50);
  EXPECT_EQ(found[0]["current"]["until_ms"], 50);
  queries_.derives_entitlements = false;
  EXPECT_EQ(ask_for({{"index", "by-expiry"}}).status, 404U);
}

}  // namespace millrace::apps::index_answer_test
