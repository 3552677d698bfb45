#include "apps/materializer/account_query.h"

#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "millrace/core/serde.h"

#include "account_state_generated.h"
#include "account_territory_generated.h"
#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "crm/model/composite_key.h"
#include "crm/territory/assignment_rows.h"
#include "redirect_generated.h"

namespace millrace::apps::account_query_test {

using nlohmann::json;

/// Two stores, filled by hand.
class FakeQueries final : public Queries {
 public:
  void redirect(const std::string& id, const std::string& root) {
    crm::RedirectT row;
    row.id = id;
    row.root = root;
    rows_[{std::string(crm::kRedirectStore), id}] = Flat<crm::Redirect>(row).bytes();
  }
  /// An account with two contacts and 50,000 contract lines.
  void children(const std::string& root, crm::AccountStatus status,
                std::vector<std::string> members) {
    crm::AccountStateT state;
    state.status = status;
    state.children = std::make_unique<crm::ChildCountsT>();
    state.children->contacts = 2;
    state.children->contract_lines = 50'000;
    put(state, root, std::move(members));
  }
  void account(const std::string& root, std::vector<std::string> members) {
    crm::AccountStateT state;
    put(state, root, std::move(members));
  }

  void territory(const std::string& root, const std::string& id) {
    crm::AccountTerritoryT row;
    row.root = root;
    row.territory = id;
    row.rules = {"ror:rule"};
    row.alignment_epoch = 4;
    rows_[{std::string(crm::kAccountTerritoryStore), crm::territory::assignment_key(root, id)}] =
        Flat<crm::AccountTerritory>(row).bytes();
  }

  Result<StoreAnswer> get(std::string_view store, Bytes key, Bytes) const override {
    if (restoring) return Error{ErrorCode::kRetriable, "being restored"};
    const auto found = rows_.find({std::string(store), key.to_string()});
    StoreAnswer answer;
    answer.position.task = {1, 2};
    answer.position.inputs[{"crm.accounts", 2}] = offset;
    answer.position.freshness_ms = 0;
    if (found != rows_.end()) answer.row = StoreReader::OwnedRow{found->second, 1};
    return answer;
  }
  Result<std::vector<StatePosition>> scan(std::string_view, const RowRange&,
                                          const RowVisitor&) const override {
    return std::vector<StatePosition>();
  }
  Result<int32_t> partitions_of(std::string_view) const override { return 1; }
  Result<StatePosition> scan_partition(std::string_view store, int32_t partition,
                                       const RowRange& range,
                                       const RowVisitor& visit) const override {
    EXPECT_EQ(partition, 2);
    if (!derives_entitlements && store == crm::kEntitlementStateStore) {
      return Error{ErrorCode::kInvalidArgument, "no such store"};
    }
    for (const auto& [at, value] : rows_) {
      if (at.first != store || Bytes(at.second) < range.from) continue;
      if (!(Bytes(at.second) < range.to)) continue;
      if (!visit({1, partition}, Bytes(at.second), {Bytes(value), 1})) break;
    }
    return StatePosition();
  }
  void entitlement(const std::string& root, const std::string& feature, int64_t amount) {
    crm::FeatureEntitlementT row;
    row.root = root;
    row.feature = feature;
    row.kind = crm::FeatureKind::QuantitySum;
    row.as_of_ms = 10;
    row.next_change_ms = 20;
    auto segment = std::make_unique<crm::EntitlementSegmentT>();
    segment->to_ms = 20;
    segment->amount = amount;
    row.current = std::make_unique<crm::EntitlementSegmentT>(*segment);
    row.segments.push_back(std::move(segment));
    for (const int64_t from_ms : {0, 15}) {
      auto share = std::make_unique<crm::EntitlementShareT>();
      share->from_ms = from_ms;
      share->source = "s:contract/" + std::to_string(from_ms);
      share->via = root;
      share->amount = amount;
      row.shares.push_back(std::move(share));
    }
    rows_[{std::string(crm::kEntitlementStateStore), crm::key_under(root, feature)}] =
        Flat<crm::FeatureEntitlement>(row).bytes();
  }
  std::vector<TaskInfo> tasks() const override { return {}; }
  const Queries& with_standbys() const override { return *this; }

  bool restoring = false;
  bool derives_entitlements = true;
  int64_t offset = 40;  ///< to which the state has read

 private:
  void put(crm::AccountStateT& state, const std::string& root, std::vector<std::string> members) {
    state.root = root;
    state.version = 3;
    std::sort(members.begin(), members.end());
    for (const std::string& id : members) {
      auto member = std::make_unique<crm::MemberT>();
      member->id = id;
      if (id != root) member->via = root;
      state.members.push_back(std::move(member));
    }
    auto field = std::make_unique<crm::GoldenFieldT>();
    field->name = "name";
    field->value = "Name of " + root;
    field->member = root;
    field->version = std::make_unique<crm::VersionT>();
    state.fields.push_back(std::move(field));
    rows_[{std::string(crm::kAccountStateStore), root}] = Flat<crm::AccountState>(state).bytes();
  }

  std::map<std::pair<std::string, std::string>, std::string> rows_;
};

class AccountAnswer : public ::testing::Test {
 protected:
  json ask(std::string_view id) {
    const HttpAnswer answer = account_answer(
        queries_, id, {.default_source = "ror", .mask = mask_, .as_of_ms = as_of_ms_});
    status_ = answer.status;
    return json::parse(answer.body);
  }
  FakeQueries queries_;
  json ask_batch(const std::string& body) {
    const HttpAnswer answer = accounts_answer(queries_, body, {.default_source = "ror"});
    status_ = answer.status;
    return json::parse(answer.body);
  }
  const PersonalMask* mask_ = nullptr;
  std::optional<int64_t> as_of_ms_;
  unsigned status_ = 0;
};

TEST_F(AccountAnswer, PersonalFieldsAreHiddenAndNamed) {
  const Result<crm::Mapping> mapping = crm::parse_mapping(R"({"topics": {"raw": {
      "format": "salesforce_cometd", "source": "sf", "entities": {"Account": {"type": "account",
        "fields": {"Name": {"name": "name", "personal": true}}}}}}})");
  const PersonalMask mask(*mapping);
  queries_.account("ror:r", {"ror:r"});
  EXPECT_TRUE(ask("ror:r")["masked"].empty());
  mask_ = &mask;
  const json answer = ask("ror:r");
  EXPECT_EQ(answer["fields"]["name"], "***");
  EXPECT_EQ(answer["masked"], json::array({"name"}));
}

TEST_F(AccountAnswer, IsWatchedForItsContentWithoutThePosition) {
  queries_.account("ror:a", {"ror:a"});
  const auto watch = [&] { return watched_account(queries_, "a", {.default_source = "ror"}); };
  const QueryRouter::Watched first = watch();
  EXPECT_EQ(first.answer.body, account_answer(queries_, "a", {.default_source = "ror"}).body);
  queries_.offset = 41;
  const QueryRouter::Watched later = watch();
  EXPECT_NE(later.answer.body, first.answer.body);
  EXPECT_EQ(later.content, first.content);
  queries_.territory("ror:a", "ror:t");
  EXPECT_NE(watch().content, first.content);
  EXPECT_EQ(watched_account(queries_, "b", {.default_source = "ror"}).answer.status, 404);
}

TEST_F(AccountAnswer, ResolvesAVictimToItsRoot) {
  queries_.redirect("ror:v", "ror:r");
  queries_.account("ror:r", {"ror:v", "ror:r"});
  const json answer = ask("ror:v");
  EXPECT_EQ(status_, 200U);
  EXPECT_EQ(answer["id"], "ror:v");
  EXPECT_EQ(answer["resolved_from"], "ror:v");
  EXPECT_EQ(answer["root"], "ror:r");
  EXPECT_EQ(answer["members"].size(), 2U);
  EXPECT_EQ(answer["fields"]["name"], "Name of ror:r");
  EXPECT_EQ(answer["field_members"]["name"], "ror:r");
  EXPECT_EQ(answer["version"], 3);
  EXPECT_EQ(answer["position"]["task"], "1_2");
  EXPECT_EQ(answer["position"]["inputs"]["crm.accounts/2"], 40);
  EXPECT_EQ(answer["freshness_ms"], 0);
}

TEST_F(AccountAnswer, CountsChildrenByKind) {
  queries_.account("ror:r", {"ror:r"});
  EXPECT_EQ(ask("ror:r")["children"], json::object());
  queries_.children("ror:r", crm::AccountStatus::Active, {"ror:r"});
  EXPECT_EQ(ask("ror:r")["children"], (json{{"contacts", 2}, {"contract_lines", 50'000}}));
}

TEST_F(AccountAnswer, AnAccountThatOnlyChildrenNameIsPending) {
  queries_.children("ror:r", crm::AccountStatus::Pending, {});
  const json answer = ask("ror:r");
  EXPECT_EQ(status_, 200U);
  EXPECT_EQ(answer["status"], "Pending");
  EXPECT_EQ(answer["children"]["contacts"], 2);
}

TEST_F(AccountAnswer, AnAccountThatNothingNamesAnyMoreIs404) {
  queries_.children("ror:r", crm::AccountStatus::Absorbed, {});
  ask("ror:r");
  EXPECT_EQ(status_, 404U);
}

TEST_F(AccountAnswer, ShowsTheTerritoriesOfTheRootAndOfNoOther) {
  queries_.redirect("ror:v", "ror:r");
  queries_.account("ror:r", {"ror:v", "ror:r"});
  for (const char* root : {"ror:q", "ror:r", "ror:r2"}) queries_.territory(root, "ror:t");
  EXPECT_EQ(ask("ror:v")["territories"], json::parse(R"([{"territory": "ror:t", "manual": false,
      "rules": ["ror:rule"], "alignment_epoch": 4}])"));
}

TEST_F(AccountAnswer, ShowsWhatTheAccountMayUseNowAndBySources) {
  queries_.account("ror:r", {"ror:r"});
  EXPECT_EQ(ask("ror:r")["entitlements"].dump(), "{}");
  queries_.entitlement("ror:r", "seats", 5);
  queries_.entitlement("ror:ra", "seats", 7);
  const json seats = ask("ror:r")["entitlements"]["seats"];
  EXPECT_EQ(seats["kind"], "QuantitySum");
  EXPECT_EQ(seats["current"]["amount"], 5);
  EXPECT_EQ(seats["current"]["until_ms"], 20);
  EXPECT_EQ(seats["next_change_ms"], 20);
  ASSERT_EQ(seats["sources"].size(), 1U);
  EXPECT_EQ(seats["sources"][0]["source"], "s:contract/0");
  queries_.derives_entitlements = false;
  EXPECT_TRUE(ask("ror:r")["entitlements"].is_null());
}

TEST_F(AccountAnswer, ARootIsResolvedFromNothing) {
  queries_.account("ror:r", {"ror:r"});
  EXPECT_TRUE(ask("ror:r")["resolved_from"].is_null());
}

TEST_F(AccountAnswer, AnIdWithoutASourceGetsTheDefault) {
  queries_.account("ror:r", {"ror:r"});
  EXPECT_EQ(ask("r")["id"], "ror:r");
  EXPECT_EQ(status_, 200U);
}

TEST_F(AccountAnswer, AnUnknownIdIs404) {
  EXPECT_EQ(ask("ror:nobody"), (json{{"error", "no such account"}}));
  EXPECT_EQ(status_, 404U);
}

TEST_F(AccountAnswer, FollowsARedirectThatIsAheadOfItsAccount) {
  queries_.redirect("ror:v", "ror:old");
  queries_.redirect("ror:old", "ror:new");
  queries_.account("ror:new", {"ror:new", "ror:old", "ror:v"});
  EXPECT_EQ(ask("ror:v")["root"], "ror:new");
}

TEST_F(AccountAnswer, UntilTheNewAccountHasItTheFormerOneAnswers) {
  queries_.redirect("ror:v", "ror:r");
  queries_.account("ror:r", {"ror:r"});
  queries_.account("ror:v", {"ror:v"});
  EXPECT_EQ(ask("ror:v")["root"], "ror:v");
}

TEST_F(AccountAnswer, AnIdInNoAccountIsMovingAndNotMissing) {
  queries_.redirect("ror:v", "ror:r");
  queries_.account("ror:r", {"ror:r"});
  ask("ror:v");
  EXPECT_EQ(status_, 503U);
}

TEST_F(AccountAnswer, ARedirectThatLeadsInACircleEnds) {
  queries_.redirect("ror:a", "ror:b");
  queries_.redirect("ror:b", "ror:a");
  ask("ror:a");
  EXPECT_EQ(status_, 503U);
}

TEST_F(AccountAnswer, ImpossibleIdsAre400) {
  for (const std::string& id :
       {std::string("Bad Source:x"), std::string("ror:"), std::string(), std::string("ror:\0x", 6),
        std::string(300, 'x'), "ror:" + std::string(300, 'x')}) {
    ask(id);
    EXPECT_EQ(status_, 400U) << id;
  }
}

TEST_F(AccountAnswer, HostileBytesStayInsideTheJson) {
  ask("ror:\"}<script>\xff");
  EXPECT_EQ(status_, 404U);
}

TEST_F(AccountAnswer, ARestoringTaskIs503) {
  queries_.restoring = true;
  ask("ror:r");
  EXPECT_EQ(status_, 503U);
}

TEST_F(AccountAnswer, EntitlementsAnswerForAnyMomentOfTheirTimeline) {
  queries_.account("ror:r", {"ror:r"});
  queries_.entitlement("ror:r", "seats", 5);  // until 20, shares from 0 and from 15
  as_of_ms_ = 16;
  json seats = ask("ror:r")["entitlements"]["seats"];
  EXPECT_EQ(seats["current"], json({{"status", "Active"}, {"amount", 5}, {"until_ms", 20}}));
  EXPECT_EQ(seats["sources"].size(), 2U);
  EXPECT_EQ(seats["as_of_ms"], 16);
  EXPECT_EQ(seats["next_change_ms"], 20);
  as_of_ms_ = -1'000'000;
  seats = ask("ror:r")["entitlements"]["seats"];
  EXPECT_EQ(seats["current"]["amount"], 5) << "the segment has no beginning";
  EXPECT_TRUE(seats["sources"].empty());
  as_of_ms_ = 20;
  seats = ask("ror:r")["entitlements"]["seats"];
  EXPECT_TRUE(seats["current"].is_null());
  EXPECT_TRUE(seats["sources"].empty());
  EXPECT_TRUE(seats["next_change_ms"].is_null());
}

TEST_F(AccountAnswer, ABatchKeepsTheOrderAndEachIdItsOwnStatus) {
  queries_.account("ror:r", {"ror:a", "ror:r"});
  queries_.redirect("ror:a", "ror:r");
  const json accounts = ask_batch(R"({"ids": ["ror:none", "a", "ror:r", ":"]})")["accounts"];
  EXPECT_EQ(status_, 200U);
  ASSERT_EQ(accounts.size(), 4U);
  EXPECT_EQ(accounts[0]["status"], 404);
  EXPECT_EQ(accounts[1]["account"]["root"], "ror:r");
  EXPECT_EQ(accounts[1]["id"], "a");
  EXPECT_EQ(accounts[2]["account"], ask("ror:r"));
  EXPECT_EQ(accounts[3]["status"], 400);
}

TEST_F(AccountAnswer, ABatchThatIsTooLongIsRefused) {
  std::vector<std::string> members{"ror:r"};
  for (int i = 0; i < 1'000; ++i) members.push_back("ror:" + std::to_string(i));
  queries_.account("ror:r", members);
  json ids = json::array();
  for (size_t i = 0; i < kBatchIdsMax; ++i) ids.push_back("ror:r");
  EXPECT_TRUE(ask_batch(json({{"ids", ids}}).dump()).contains("error"));
  EXPECT_EQ(status_, 413U);
  ids.erase(ids.begin() + 10, ids.end());
  EXPECT_EQ(ask_batch(json({{"ids", ids}}).dump())["accounts"].size(), 10U);
  EXPECT_EQ(status_, 200U);
}

TEST_F(AccountAnswer, ABatchOfAnotherFormIsRefused) {
  json ids = json::array();
  for (size_t i = 0; i < kBatchIdsMax; ++i) ids.push_back("ror:r");
  ask_batch(json({{"ids", ids}}).dump());
  EXPECT_EQ(status_, 200U);
  ids.push_back("ror:r");
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string("[]"), std::string(R"({"ids": []})"),
        std::string(R"({"ids": [1]})"), std::string(R"({"ids": ["a"], "more": 1})"),
        json({{"ids", ids}}).dump()}) {
    ask_batch(body);
    EXPECT_EQ(status_, 400U) << body.substr(0, 40);
  }
}

}  // namespace millrace::apps::account_query_test
