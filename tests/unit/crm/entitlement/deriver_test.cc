#include "crm/entitlement/deriver.h"

#include <algorithm>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/engine/metrics.h"
#include "millrace/testing/topology_driver.h"

#include "crm/account_topology.h"
#include "crm/entitlement/entitlement_row.h"
#include "crm/model/composite_key.h"
#include "crm/model/topology_nodes.h"

namespace millrace::crm::deriver_test {

using millrace::testing::DriverOptions;
using millrace::testing::DriverRecord;
using millrace::testing::TopologyDriver;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Topic<std::string, EntitlementInput> kInputs{"inputs"};
constexpr int64_t kStartMs = 1'700'000'000'000;
constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;
constexpr size_t kSlice = 3;
constexpr int32_t kStartDay = 19'675;  // of kStartMs, 2023-11-14 in UTC

Result<Topology> topology() {
  Node source;
  source.name = "inputs";
  source.kind = NodeKind::kSource;
  source.children = {1};
  source.topic = {std::string(kInputs.name),
                  type_info<std::string>(),
                  {Serde<EntitlementInput>::name(), &validate_entitlement_input}};
  Node deriver;
  deriver.name = "entitlement-deriver";
  deriver.parents = {0, 4};
  deriver.children = {2};
  deriver.factory = entitlement_deriver(kSlice);
  deriver.broadcasts = {std::string(kProductFeatures.name)};
  deriver.cursors = kEntitlementCursorStore;
  for (const StoreSpec& store : entitlement_stores()) deriver.stores.push_back(store.name);
  Node states;
  states.name = "account-states";
  states.kind = NodeKind::kSource;
  states.children = {4};
  states.topic = {std::string(kAccountStates.name), type_info<std::string>(),
                  type_info<AccountState>()};
  Node zone;
  zone.name = "account-time-zone";
  zone.parents = {3};
  zone.children = {1};
  zone.factory = account_time_zone("time_zone");
  Node sink;
  sink.name = "entitlements-out";
  sink.kind = NodeKind::kSink;
  sink.parents = {1};
  sink.topic = {std::string(kEntitlements.name), type_info<std::string>(),
                type_info<FeatureEntitlement>()};
  sink.partition_key = &root_in_key;
  return Topology::create("entitlements", {source, deriver, sink, states, zone},
                          entitlement_stores(), {use_of(kProductFeatures)});
}

DriverOptions options(int32_t partitions) {
  DriverOptions options;
  options.partitions = partitions;
  options.start_time_ms = kStartMs;
  return options;
}

GrantSourceT grant(const std::string& id, FeatureKind kind, int64_t amount) {
  GrantSourceT source;
  source.id = id;
  source.kind = GrantSourceKind::ContractLine;
  source.version = std::make_unique<VersionT>();
  source.period = std::make_unique<PeriodT>();
  auto term = std::make_unique<FeatureTermT>();
  term->feature = "seats";
  term->kind = kind;
  term->amount = amount;
  source.terms.push_back(std::move(term));
  return source;
}

EntitlementInputT input_of(const std::string& root, const std::string& via,
                           const GrantSourceT& row) {
  EntitlementInputT input;
  input.root = root;
  input.via = via;
  input.id = row.id;
  input.row = std::make_unique<GrantSourceT>(row);
  return input;
}
EntitlementInputT retraction(const std::string& root, const std::string& via,
                             const std::string& id) {
  EntitlementInputT input;
  input.root = root;
  input.kind = EntitlementInputKind::RetractedSource;
  input.via = via;
  input.id = id;
  return input;
}
EntitlementInputT time_zone(const std::string& root, const std::string& name) {
  EntitlementInputT input;
  input.root = root;
  input.kind = EntitlementInputKind::TimeZone;
  input.time_zone = name;
  return input;
}

class EntitlementDeriverTest : public ::testing::Test {
 protected:
  void tell(const EntitlementInputT& input) {
    driver_.pipe(kInputs, input.root, Flat<EntitlementInput>(input), driver_.now_ms());
  }
  void product_gives(const std::string& name, int64_t seats) {
    ProductFeaturesT product;
    product.product = name;
    product.terms.push_back(std::make_unique<FeatureTermT>());
    product.terms.back()->feature = "seats";
    product.terms.back()->amount = seats;
    product.terms.back()->kind = FeatureKind::QuantitySum;
    driver_.pipe(kProductFeatures, name, Flat<ProductFeatures>(product), driver_.now_ms());
  }
  void run_after(int64_t ms) {
    driver_.advance_time(ms);
    driver_.run();
  }
  std::vector<FeatureEntitlementT> read() {
    std::vector<FeatureEntitlementT> all;
    for (const DriverRecord& record : driver_.read_bytes(kEntitlements.name)) {
      FeatureEntitlementT& entitlement = all.emplace_back();
      if (record.value) {
        flatbuffers::GetRoot<FeatureEntitlement>(record.value->data())->UnPackTo(&entitlement);
      }
    }
    return all;
  }
  /// Amount now of each (root, feature) that is granted anything at any time; −1: nothing now.
  std::map<std::string, int64_t> amounts() {
    std::map<std::string, int64_t> amounts;
    for (const auto& [key, bytes] : driver_.table_bytes(kEntitlements.name)) {
      const auto* current = flatbuffers::GetRoot<FeatureEntitlement>(bytes.data())->current();
      amounts[std::string(root_in_key(key).view())] = current == nullptr ? -1 : current->amount();
    }
    return amounts;
  }

  TopologyDriver driver_{topology(), options(2)};
};

TEST_F(EntitlementDeriverTest, PublishesWhatIsCurrentAndWhenItChanges) {
  GrantSourceT line = grant("s:line", FeatureKind::QuantitySum, 5);
  line.period->end_date = kStartDay;
  tell(input_of("s:a", "s:a", line));
  driver_.run();
  const auto published = read();
  ASSERT_THAT(published, SizeIs(1));
  EXPECT_EQ(published[0].root, "s:a");
  EXPECT_EQ(published[0].feature, "seats");
  EXPECT_EQ(published[0].current->amount, 5);
  EXPECT_EQ(published[0].version, 1u);
  EXPECT_EQ(published[0].next_change_ms, (kStartDay + 1) * kDayMs);
  ASSERT_THAT(published[0].shares, SizeIs(1));
  EXPECT_EQ(published[0].shares[0]->source, "s:line");
  EXPECT_EQ(published[0].shares[0]->via, "s:a");
}

TEST_F(EntitlementDeriverTest, RepeatedInputsChangeNothing) {
  for (int i = 0; i < 2; ++i) {
    tell(input_of("s:a", "s:a", grant("s:line", FeatureKind::QuantitySum, 5)));
    tell(time_zone("s:a", "Europe/Berlin"));
    tell(retraction("s:a", "s:a", "s:other"));
  }
  driver_.run();
  EXPECT_THAT(read(), SizeIs(1));
}

TEST_F(EntitlementDeriverTest, ANewVersionAloneOfASourceIsNotDerived) {
  // One without units, since derivations count these.
  GrantSourceT source = grant("s:x", FeatureKind::QuantitySum, 5);
  source.kind = GrantSourceKind::Subscription;
  const auto tell_version = [&](int64_t version) {
    source.version->commit_timestamp_ms = version;
    tell(input_of("s:a", "s:a", source));
    driver_.run();
  };
  const auto derivations = [this] {
    return driver_.engine().metrics().dropped("subscription_without_units").value();
  };
  const auto stored_version = [this] {
    const std::string key = key_under("s:a", key_under("s:x", "s:a"));
    const auto row = driver_.store_bytes(kEntitlementSourceStore, key, "s:a");
    const auto& input = *flatbuffers::GetRoot<EntitlementInput>(row->data());
    return input.row()->version()->commit_timestamp_ms();
  };
  tell_version(1);
  EXPECT_EQ(derivations(), 1);
  tell_version(2);
  EXPECT_EQ(derivations(), 1);
  EXPECT_EQ(stored_version(), 1);
  source.terms[0]->amount = 6;
  tell_version(3);
  EXPECT_EQ(derivations(), 2);
  EXPECT_EQ(stored_version(), 3);
}

TEST_F(EntitlementDeriverTest, ANewVersionAloneDecidesBetweenMembers) {
  const auto tell_source = [this](const std::string& via, int64_t amount, int64_t version) {
    GrantSourceT source = grant("s:x", FeatureKind::QuantitySum, amount);
    source.version->commit_timestamp_ms = version;
    tell(input_of("s:a", via, source));
    driver_.run();
  };
  tell_source("s:a", 5, 1);
  tell_source("s:b", 6, 2);
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", 6)));
  tell_source("s:a", 5, 3);
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", 5)));
}

TEST_F(EntitlementDeriverTest, SourcesThatComeTogetherAreDerivedTogether) {
  constexpr int kSources = 400;
  const auto source = [](int i) {
    return grant(fmt::format("s:line-{:03}", i), FeatureKind::QuantitySum, 1);
  };
  for (int i = 0; i < kSources; ++i) tell(input_of("s:a", "s:a", source(i)));
  driver_.run();
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", kSources)));
  EXPECT_THAT(read(), SizeIs(1));
  for (int i = 1; i < kSources; ++i) tell(retraction("s:a", "s:a", source(i).id));
  driver_.run();
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", 1)));
  EXPECT_THAT(read(), SizeIs(1));
}

TEST_F(EntitlementDeriverTest, TimeFlipsTheStateAtEachBoundaryInOrderAlsoAfterDowntime) {
  GrantSourceT line = grant("s:line", FeatureKind::QuantitySum, 5);
  line.period->start_ms = kStartMs + kHourMs;
  line.period->end_ms = kStartMs + 3 * kHourMs;
  tell(input_of("s:a", "s:a", line));
  GrantSourceT more = grant("s:more", FeatureKind::QuantitySum, 2);
  more.period->start_ms = kStartMs + 2 * kHourMs;
  tell(input_of("s:a", "s:a", more));
  driver_.run();
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", -1)));
  read();
  driver_.crash_and_restart();
  driver_.run();
  run_after(5 * kHourMs);
  std::vector<std::tuple<int64_t, int64_t, uint64_t>> flips;
  for (const auto& each : read()) {
    flips.emplace_back(each.as_of_ms - kStartMs, each.current->amount, each.version);
  }
  EXPECT_THAT(flips, ElementsAre(std::tuple(kHourMs, 5, 2), std::tuple(2 * kHourMs, 7, 3),
                                 std::tuple(3 * kHourMs, 2, 4)));
  run_after(kHourMs);
  EXPECT_THAT(read(), IsEmpty());
}

/// In life each input is a commit of its own, in a replay all of them are one: so the replay leaves
/// out what only some of the inputs led to, but no boundary since the first.
TEST(EntitlementDeriver, ReplayPublishesEachBoundaryAndEndsLikeLife) {
  std::vector<std::pair<int64_t, EntitlementInputT>> history;  // hours since the start
  const auto tell_at = [&](int64_t hour, const std::string& id, int64_t from_hour,
                           int64_t to_hour) {
    GrantSourceT line = grant(id, FeatureKind::QuantitySum, 1 + hour);
    line.period->start_ms = kStartMs + from_hour * kHourMs;
    line.period->end_ms = kStartMs + to_hour * kHourMs;
    history.emplace_back(hour, input_of("s:a", "s:a", line));
  };
  tell_at(1, "s:x", 2, 9);
  tell_at(3, "s:y", 4, 6);
  tell_at(6, "s:z", 0, 7);
  tell_at(8, "s:x", 2, 10);
  history.emplace_back(11, time_zone("s:a", "Europe/Berlin"));
  std::vector<std::vector<int64_t>> as_of_hours;
  std::vector<std::string> last;
  for (const bool is_replay : {false, true}) {
    TopologyDriver driver(topology(), options(1));
    if (!is_replay) driver.run();
    int64_t hour = 0;
    for (const auto& [at, input] : history) {
      if (!is_replay) driver.advance_time((at - hour) * kHourMs);
      hour = at;
      driver.pipe(kInputs, input.root, Flat<EntitlementInput>(input), kStartMs + at * kHourMs);
      if (!is_replay) driver.run();
    }
    if (is_replay) driver.advance_time(hour * kHourMs);
    driver.run();
    auto& hours = as_of_hours.emplace_back();
    FeatureEntitlementT end;
    for (const DriverRecord& record : driver.read_bytes(kEntitlements.name)) {
      flatbuffers::GetRoot<FeatureEntitlement>(record.value->data())->UnPackTo(&end);
      hours.push_back((end.as_of_ms - kStartMs) / kHourMs);
    }
    end.version = 0;  // counts the states that were published
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(FeatureEntitlement::Pack(builder, &end));
    last.emplace_back(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  }
  EXPECT_THAT(as_of_hours[0], ElementsAre(1, 2, 3, 4, 6, 6, 7, 8, 10));
  EXPECT_THAT(as_of_hours[1], ElementsAre(1, 2, 4, 6, 7, 10));
  EXPECT_EQ(last[0], last[1]);
}

TEST_F(EntitlementDeriverTest, EndDateIsADayOfTheAccountsTimeZone) {
  GrantSourceT line = grant("s:line", FeatureKind::Boolean, 1);
  line.period->end_date = kStartDay;
  tell(input_of("s:a", "s:a", line));
  tell(time_zone("s:a", "America/New_York"));
  driver_.run();
  EXPECT_EQ(read().back().next_change_ms, (kStartDay + 1) * kDayMs + 5 * kHourMs);
  tell(time_zone("s:a", "Mars/Olympus"));
  driver_.run();
  EXPECT_EQ(read().back().next_change_ms, (kStartDay + 1) * kDayMs);
}

TEST_F(EntitlementDeriverTest, TimeZoneIsTakenFromTheAccountState) {
  GrantSourceT line = grant("s:line", FeatureKind::Boolean, 1);
  line.period->end_date = kStartDay;
  tell(input_of("s:a", "s:a", line));
  AccountStateT state;
  state.root = "s:a";
  auto field = std::make_unique<GoldenFieldT>();
  field->name = "time_zone";
  field->value = "America/New_York";
  field->member = "s:a";
  field->version = std::make_unique<VersionT>();
  state.fields.push_back(std::move(field));
  driver_.pipe(kAccountStates, "s:a", Flat<AccountState>(state), driver_.now_ms());
  driver_.run();
  EXPECT_EQ(read().back().next_change_ms, (kStartDay + 1) * kDayMs + 5 * kHourMs);
}

TEST_F(EntitlementDeriverTest, GrantsOfAllMembersCountOnceEachAfterAMerge) {
  const GrantSourceT x = grant("s:x", FeatureKind::QuantitySum, 5);
  const GrantSourceT y = grant("s:y", FeatureKind::QuantitySum, 7);
  GrantSourceT newer_x = grant("s:x", FeatureKind::QuantitySum, 6);
  newer_x.version->commit_timestamp_ms = 9;
  tell(input_of("s:a", "s:a", x));
  tell(input_of("s:b", "s:b", y));
  tell(input_of("s:b", "s:b", newer_x));
  driver_.run();
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", 5), std::pair("s:b", 13)));

  tell(retraction("s:b", "s:b", "s:y"));  // b is merged into a
  tell(retraction("s:b", "s:b", "s:x"));
  tell(input_of("s:a", "s:b", y));
  tell(input_of("s:a", "s:b", newer_x));
  driver_.run();
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", 13)));

  tell(retraction("s:a", "s:b", "s:x"));
  driver_.run();
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", 12)));
}

TEST_F(EntitlementDeriverTest, NothingGrantedAnyMoreIsATombstoneAndTheCounterGoesOn) {
  tell(input_of("s:a", "s:a", grant("s:x", FeatureKind::Boolean, 1)));
  driver_.run();
  tell(retraction("s:a", "s:a", "s:x"));
  driver_.run();
  EXPECT_THAT(driver_.table_bytes(kEntitlements.name), IsEmpty());
  read();
  tell(input_of("s:a", "s:a", grant("s:x", FeatureKind::Boolean, 1)));
  driver_.run();
  EXPECT_EQ(read().back().version, 3u);
}

TEST_F(EntitlementDeriverTest, AChangeOfTheCatalogueReachesEveryRootInSlices) {
  constexpr int kRoots = 20;
  for (int i = 0; i < kRoots; ++i) {
    GrantSourceT line = grant("s:line", FeatureKind::Boolean, 1);
    line.terms.clear();
    line.product = "P";
    tell(input_of("s:" + std::to_string(i), "s:" + std::to_string(i), line));
  }
  driver_.run();
  EXPECT_THAT(amounts(), IsEmpty());
  for (const int64_t amount : {4, 6}) {
    product_gives("P", amount);
    driver_.run();
    driver_.crash_and_restart();
    for (int i = 0; i < kRoots; ++i) run_after(1);
    EXPECT_THAT(amounts(), SizeIs(kRoots));
    for (const auto& [root, now] : amounts()) EXPECT_EQ(now, amount) << root;
  }
  driver_.pipe_tombstone(kProductFeatures, "P", driver_.now_ms());
  for (int i = 0; i < kRoots; ++i) run_after(1);
  EXPECT_THAT(amounts(), IsEmpty());
}

TEST_F(EntitlementDeriverTest, AChangeOfAProductReachesTheRootsThatHaveItNow) {
  GrantSourceT line = grant("s:line", FeatureKind::Boolean, 1);
  line.terms.clear();
  for (const char* product : {"P", "Q"}) {
    line.product = product;
    tell(input_of("s:a", "s:a", line));
  }
  line.product = "P";
  tell(input_of("s:b", "s:b", line));
  driver_.run();
  product_gives("Q", 3);
  driver_.run();
  run_after(1);
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", 3)));
  product_gives("P", 5);
  driver_.run();
  run_after(1);
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", 3), std::pair("s:b", 5)));
  tell(retraction("s:b", "s:b", "s:line"));
  product_gives("P", 6);
  driver_.run();
  run_after(1);
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:a", 3)));
  const auto is_noted = [this](const std::string& product, const std::string& root) {
    const std::string key = key_under(product, key_under(root, key_under("s:line", root)));
    return driver_.store_bytes(kEntitlementProductStore, key, root).has_value();
  };
  EXPECT_TRUE(is_noted("Q", "s:a"));
  EXPECT_FALSE(is_noted("P", "s:a"));
  EXPECT_FALSE(is_noted("P", "s:b"));
}

TEST_F(EntitlementDeriverTest, InputThatSaysNothingKnownIsRefused) {
  GrantSourceT line = grant("s:x", FeatureKind::Boolean, 1);
  line.terms[0]->amount = -1;
  tell(input_of("s:a", "s:a", line));
  tell(input_of("s:b", "s:b", grant("s:x", FeatureKind::Boolean, 1)));
  driver_.run();
  EXPECT_THAT(amounts(), ElementsAre(std::pair("s:b", 1)));
}

/// A random history of one root's sources; the final state must not depend on the order of
/// different sources, on restarts, or on when the clock moved.
TEST(EntitlementDeriver, FinalStateIsAFunctionOfTheSources) {
  constexpr uint32_t kHistories = 20;
  for (uint32_t seed = 0; seed < kHistories; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](uint32_t most) { return static_cast<int64_t>(random() % (most + 1)); };
    std::vector<EntitlementInputT> inputs;
    for (int i = 0; i < 8; ++i) {
      GrantSourceT line = grant("s:" + std::to_string(i), FeatureKind::QuantitySum, up_to(9));
      line.period->start_ms = kStartMs + up_to(20) * kHourMs;
      line.period->end_ms = kStartMs + up_to(20) * kHourMs;
      line.terms[0]->grace_days = static_cast<int32_t>(up_to(1));
      inputs.push_back(input_of("s:a", "s:a", line));
    }
    std::vector<std::vector<std::pair<int64_t, int64_t>>> finals;
    for (int run = 0; run < 2; ++run) {
      TopologyDriver driver(topology(), options(1));
      std::ranges::shuffle(inputs, random);
      int64_t rest_ms = 30 * kHourMs;
      for (const EntitlementInputT& input : inputs) {
        driver.pipe(kInputs, input.root, Flat<EntitlementInput>(input), driver.now_ms());
        if (up_to(2) != 0) continue;
        driver.run();
        if (up_to(1) != 0) driver.crash_and_restart();
        const int64_t step_ms = up_to(3) * kHourMs;
        driver.advance_time(step_ms);
        rest_ms -= step_ms;
      }
      driver.run();
      driver.advance_time(rest_ms);
      driver.run();
      auto& final_state = finals.emplace_back();
      for (const auto& [key, bytes] : driver.table_bytes(kEntitlements.name)) {
        FeatureEntitlementT state;
        flatbuffers::GetRoot<FeatureEntitlement>(bytes.data())->UnPackTo(&state);
        final_state.emplace_back(-1, state.current == nullptr ? -1 : state.current->amount);
        for (const auto& each : state.segments) {
          final_state.emplace_back(each->from_ms.value_or(0), each->amount);
        }
      }
    }
    EXPECT_EQ(finals[0], finals[1]) << "seed " << seed;
  }
}

}  // namespace millrace::crm::deriver_test
