// Under which values the indexes of the job find a row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/serde.h"

#include "account_state_generated.h"
#include "account_territory_generated.h"
#include "crm/indexes/crm_indexes.h"
#include "feature_entitlement_generated.h"

namespace millrace::crm::indexes_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

template <class T, class Native>
std::vector<IndexEntry> values_of(const IndexSpec& index, const Native& row) {
  const std::string bytes(Flat<T>(row).bytes());
  IndexValues values;
  index.values_of(Bytes("key"), Bytes(bytes), values);
  std::vector<IndexEntry> found;
  for (const std::string& value : values.sorted()) {
    found.push_back(read_index_entry(index.type, Bytes(value)).value());
  }
  return found;
}

std::vector<std::string> texts(const std::vector<IndexEntry>& entries) {
  std::vector<std::string> found;
  for (const IndexEntry& entry : entries) found.push_back(entry.text);
  return found;
}

std::vector<int64_t> numbers(const std::vector<IndexEntry>& entries) {
  std::vector<int64_t> found;
  for (const IndexEntry& entry : entries) found.push_back(entry.number);
  return found;
}

AccountStateT account(AccountStatus status) {
  AccountStateT state;
  state.root = "s:a";
  state.status = status;
  for (const char* const id : {"s:a", "s:b"}) {
    state.members.push_back(std::make_unique<MemberT>());
    state.members.back()->id = id;
  }
  for (const auto& [name, value] :
       {std::pair("city", "Bremen"), std::pair("size", "-17"), std::pair("wide", "1e400")}) {
    state.fields.push_back(std::make_unique<GoldenFieldT>());
    state.fields.back()->name = name;
    state.fields.back()->value = value;
    state.fields.back()->member = "s:a";
    state.fields.back()->version = std::make_unique<VersionT>();
  }
  return state;
}

TEST(AccountIndexes, FindPublishedAccountsByMembersAndFields) {
  const AccountStateT active = account(AccountStatus::Active);
  EXPECT_THAT(numbers(values_of<AccountState>(accounts_by_members(), active)), ElementsAre(2));
  const auto by = [&](const char* field, FieldType type) {
    return values_of<AccountState>(accounts_by_field({field, type}), active);
  };
  EXPECT_THAT(texts(by("city", FieldType::Undeclared)), ElementsAre("Bremen"));
  EXPECT_THAT(numbers(by("size", FieldType::Integer)), ElementsAre(-17));
  EXPECT_THAT(by("wide", FieldType::Integer), IsEmpty());
  EXPECT_THAT(by("none", FieldType::Text), IsEmpty());
}

TEST(AccountIndexes, LeaveOutStatesBehindATombstone) {
  for (const AccountStatus status : {AccountStatus::Deleted, AccountStatus::Absorbed}) {
    const AccountStateT gone = account(status);
    EXPECT_THAT(values_of<AccountState>(accounts_by_members(), gone), IsEmpty());
    EXPECT_THAT(values_of<AccountState>(accounts_by_field({"city", FieldType::Text}), gone),
                IsEmpty());
  }
  EXPECT_THAT(
      numbers(values_of<AccountState>(accounts_by_members(), account(AccountStatus::Pending))),
      ElementsAre(2));
}

TEST(AssignmentIndex, FindsAccountsByTerritory) {
  AccountTerritoryT row;
  row.root = "s:a";
  row.territory = "s:north";
  EXPECT_THAT(texts(values_of<AccountTerritory>(assignments_by_territory(), row)),
              ElementsAre("s:north"));
}

struct Period {
  std::optional<int64_t> from_ms;
  std::optional<int64_t> to_ms;
  EntitlementStatus status = EntitlementStatus::Active;
};

FeatureEntitlementT entitlement(const std::vector<Period>& periods) {
  FeatureEntitlementT row;
  row.root = "s:a";
  row.feature = "seats";
  for (const Period& period : periods) {
    row.segments.push_back(std::make_unique<EntitlementSegmentT>());
    if (period.from_ms) row.segments.back()->from_ms = *period.from_ms;
    if (period.to_ms) row.segments.back()->to_ms = *period.to_ms;
    row.segments.back()->status = period.status;
  }
  return row;
}

TEST(EntitlementIndexes, FindAccountsByFeatureWhileTheyHaveItAtAnyTime) {
  const IndexSpec index = entitlements_by_feature();
  EXPECT_THAT(texts(values_of<FeatureEntitlement>(index, entitlement({{1, 2}}))),
              ElementsAre("seats"));
  EXPECT_THAT(values_of<FeatureEntitlement>(index, entitlement({})), IsEmpty());
}

TEST(EntitlementIndexes, FindTheEndsOfActivePeriods) {
  const auto ends = [](const std::vector<Period>& periods) {
    return numbers(values_of<FeatureEntitlement>(entitlements_by_expiry(), entitlement(periods)));
  };
  constexpr EntitlementStatus kGrace = EntitlementStatus::Grace;
  EXPECT_THAT(ends({{std::nullopt, 10}}), ElementsAre(10));
  EXPECT_THAT(ends({{1, 10}, {10, 20}, {30, 40}}), ElementsAre(20, 40));
  EXPECT_THAT(ends({{1, 10}, {10, 20, kGrace}}), ElementsAre(10));
  EXPECT_THAT(ends({{1, 10}, {10, 20, kGrace}, {20, std::nullopt}}), ElementsAre(10));
  EXPECT_THAT(ends({{1, std::nullopt}}), IsEmpty());
  EXPECT_THAT(ends({{10, 20, kGrace}}), IsEmpty());
}

}  // namespace millrace::crm::indexes_test
