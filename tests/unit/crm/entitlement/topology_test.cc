// Entitlements in the whole topology, from change events to the topic.
#include <map>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "child_world.h"
#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "crm/model/composite_key.h"

namespace millrace::crm::topology_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kStartMs = 1'700'000'000'000;  // 2023-11-14T22:13:20Z
constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;

Mapping mapping() {
  Result<Mapping> read = parse_mapping(R"({"topics": {"crm.raw.sf": {
    "format": "salesforce_cometd", "source": "sf", "entities": {
      "Account": {"type": "account", "fields": {"Name": "name", "TimeZone": "time_zone"}},
      "Contract": {"type": "contract", "parent": "AccountId", "fields": {
        "AccountId": "account", "StartDate": "start_date", "EndDate": "end_date",
        "Status": "status"}},
      "ServiceContractLine": {"type": "contract_line", "parent": "AccountId", "fields": {
        "AccountId": "account", "Contract": {"name": "contract_id", "reference": true},
        "Product": "product", "Quantity": "quantity", "EndDate": "end_date"}}}}}})");
  MILLRACE_ASSERT(read.ok(), read.message().c_str());
  return *std::move(read);
}

class EntitlementFlow : public ::testing::TestWithParam<int32_t> {
 protected:
  static DriverOptions options() {
    DriverOptions options;
    options.partitions = GetParam();
    options.topic_partitions = {{std::string(kMergeFacts.name), 1}};
    options.start_time_ms = kStartMs;
    return options;
  }

  void pipe(const RawChange& change) {
    driver_.pipe_bytes(kRawTopic, change.id, change.event(), driver_.now_ms());
  }
  void account(char letter, FieldMap fields = {}) {
    pipe({.entity = "Account",
          .id = sf_id("001", letter),
          .ms = ++ms_,
          .fields = std::move(fields)});
  }
  void contract(char letter, char of_account, FieldMap fields = {}) {
    fields["AccountId"] = sf_id("001", of_account);
    pipe({.entity = "Contract",
          .id = sf_id("800", letter),
          .ms = ++ms_,
          .fields = std::move(fields)});
  }
  void line(char letter, char of_account, char of_contract, FieldMap fields) {
    fields["AccountId"] = sf_id("001", of_account);
    fields["Contract"] = sf_id("800", of_contract);
    pipe({.entity = "ServiceContractLine",
          .id = sf_id("811", letter),
          .ms = ++ms_,
          .fields = std::move(fields)});
  }
  void product(const std::string& name, int64_t seats) {
    ProductFeaturesT product;
    product.product = name;
    product.terms.push_back(std::make_unique<FeatureTermT>());
    product.terms.back()->feature = "seats";
    product.terms.back()->kind = FeatureKind::QuantitySum;
    product.terms.back()->amount = seats;
    product.terms.back()->per_unit = true;
    driver_.pipe(kProductFeatures, name, Flat<ProductFeatures>(product), driver_.now_ms());
  }
  void merge(char victim, char survivor) {
    driver_.pipe_bytes(kMergeFacts.name, "k",
                       fact(MergeFactKind::Merge, id_of(victim), id_of(survivor), ++ms_),
                       driver_.now_ms());
  }
  void run_after(int64_t ms) {
    driver_.advance_time(ms);
    driver_.run();
  }
  static std::string id_of(char letter) { return "sf:" + sf_id("001", letter); }

  /// Seats now by letter of the root; −1: granted, but not now.
  std::map<char, int64_t> seats() {
    std::map<char, int64_t> seats;
    for (const auto& [key, bytes] : driver_.table_bytes(kEntitlements.name)) {
      EXPECT_EQ(name_in_key(Bytes(key)), "seats");
      const auto* current = flatbuffers::GetRoot<FeatureEntitlement>(bytes.data())->current();
      for (const char letter : {'a', 'b', 'c'}) {
        if (root_in_key(Bytes(key)) == Bytes(id_of(letter))) {
          seats[letter] = current == nullptr ? -1 : current->amount();
        }
      }
    }
    return seats;
  }

  int64_t ms_ = 0;
  TopologyDriver driver_{account_topology(mapping()), options()};
};

INSTANTIATE_TEST_SUITE_P(Partitions, EntitlementFlow, ::testing::Values(1, 4));

TEST_P(EntitlementFlow, GrantsOfAllMembersCountAfterAMergeAndComeBackAfterAnUnmerge) {
  product("P1", 1);
  for (const char letter : {'a', 'b'}) {
    account(letter);
    contract(letter, letter);
  }
  line('x', 'a', 'a', {{"Product", "P1"}, {"Quantity", "5"}});
  line('y', 'b', 'b', {{"Product", "P1"}, {"Quantity", "7"}});
  driver_.run();
  EXPECT_THAT(seats(), ElementsAre(std::pair('a', 5), std::pair('b', 7)));
  merge('b', 'a');
  driver_.run();
  run_after(1);
  EXPECT_THAT(seats(), ElementsAre(std::pair('a', 12)));
  line('z', 'b', 'b', {{"Product", "P1"}, {"Quantity", "1"}});
  driver_.run();
  EXPECT_THAT(seats(), ElementsAre(std::pair('a', 13)));
  driver_.pipe_bytes(kMergeFacts.name, "k", fact(MergeFactKind::Unmerge, id_of('b'), "", ++ms_),
                     driver_.now_ms());
  driver_.run();
  run_after(1);
  EXPECT_THAT(seats(), ElementsAre(std::pair('a', 5), std::pair('b', 8)));
}

TEST_P(EntitlementFlow, ADateFlipsWhenTheClockPassesItInTheAccountsTimeZone) {
  product("P1", 2);
  account('a', {{"TimeZone", "America/New_York"}});
  contract('a', 'a', {{"StartDate", "2023-01-01"}});
  line('x', 'a', 'a', {{"Product", "P1"}, {"Quantity", "3"}, {"EndDate", "2023-11-15"}});
  line('y', 'a', 'a', {{"Product", "P1"}, {"Quantity", "1"}});
  driver_.run();
  EXPECT_THAT(seats(), ElementsAre(std::pair('a', 8)));
  const int64_t end_ms = kStartMs / kDayMs * kDayMs + 2 * kDayMs + 5 * kHourMs;
  run_after(end_ms - kStartMs - 1);
  EXPECT_THAT(seats(), ElementsAre(std::pair('a', 8)));
  driver_.crash_and_restart();
  run_after(1);
  EXPECT_THAT(seats(), ElementsAre(std::pair('a', 2)));
}

TEST_P(EntitlementFlow, AContractThatIsCancelledOrGoneTakesItsLinesWithIt) {
  product("P1", 1);
  account('a');
  line('x', 'a', 'a', {{"Product", "P1"}, {"Quantity", "3"}});
  driver_.run();
  EXPECT_THAT(seats(), IsEmpty());
  contract('a', 'a');
  driver_.run();
  EXPECT_THAT(seats(), ElementsAre(std::pair('a', 3)));
  contract('a', 'a', {{"Status", "Cancelled"}});
  driver_.run();
  EXPECT_THAT(seats(), IsEmpty());
}

TEST_P(EntitlementFlow, ALineThatIsNotUnderstoodGivesNothing) {
  product("P1", 1);
  account('a');
  contract('a', 'a');
  line('x', 'a', 'a', {{"Product", "P1"}, {"Quantity", "3"}});
  driver_.run();
  EXPECT_THAT(seats(), ElementsAre(std::pair('a', 3)));
  line('x', 'a', 'a', {{"Product", "P1"}, {"Quantity", "some"}});
  driver_.run();
  EXPECT_THAT(seats(), IsEmpty());
  line('x', 'a', 'a', {{"Product", "P1"}, {"Quantity", "4"}});
  driver_.run();
  EXPECT_THAT(seats(), ElementsAre(std::pair('a', 4)));
}

}  // namespace millrace::crm::topology_test
