#include "apps/synthetic/generator.h"

#include <array>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/synthetic/delivery.h"
#include "apps/synthetic/encode.h"

namespace millrace::apps::synthetic::generator_test {

constexpr int64_t kStartMs = 1'735'689'600'000;

std::vector<Event> events_of(const std::vector<Phase>& phases, uint64_t seed, Profile profile) {
  Generator generator({profile, seed, kStartMs});
  std::vector<Event> events;
  for (const Phase phase : phases) {
    generator.run(phase, [&](Event event) { events.push_back(std::move(event)); });
  }
  return events;
}

std::string bytes_of(const std::vector<Event>& events) {
  std::string all;
  for (const Event& event : events) {
    const RawRecord record = encode(event);
    all.append(record.topic).append(record.key).append(record.value.value_or("-"));
  }
  return all;
}

const Profile kProfileS = kProfiles[0].second;

TEST(Generator, IsAFunctionOfSeedAndPhases) {
  const std::vector<Phase> phases{Phase::kBackfill, Phase::kBulkDedupe, Phase::kRealignment};
  const Profile profile{50, 100, 20, 30, 5};
  const std::string bytes = bytes_of(events_of(phases, 7, profile));
  EXPECT_EQ(bytes_of(events_of(phases, 7, profile)), bytes);
  EXPECT_NE(bytes_of(events_of(phases, 8, profile)), bytes);
  EXPECT_TRUE(bytes.starts_with(bytes_of(events_of({Phase::kBackfill}, 7, profile))));
}

TEST(Generator, BackfillHasTheMeansOfRealAccounts) {
  std::map<Kind, int> creates;
  std::map<uint64_t, int> children;
  Generator generator({kProfileS, 1, kStartMs});
  generator.run(Phase::kBackfill, [&](const Event& event) {
    const auto* change = std::get_if<RecordChange>(&event);
    if (change == nullptr) return;
    EXPECT_EQ(change->type, crm::ChangeType::Create);
    ++creates[change->kind];
  });
  EXPECT_EQ(creates[Kind::kAccount], 1000);
  EXPECT_EQ(creates[Kind::kContact], 3000);
  EXPECT_EQ(creates[Kind::kContractLine], 2000);
  EXPECT_EQ(creates[Kind::kEntitlement], 1200);
}

TEST(Generator, SteadyPhaseHasTheMix) {
  Profile profile = kProfileS;
  profile.operations = 20'000;
  const size_t before = events_of({Phase::kBackfill}, 3, profile).size();
  const std::vector<Event> events = events_of({Phase::kBackfill, Phase::kSteady}, 3, profile);
  std::map<std::string, double> share;
  for (size_t i = before; i < events.size(); ++i) {
    const double one = 100.0 / static_cast<double>(profile.operations);
    if (std::holds_alternative<MergeChange>(events[i])) share["merge"] += one;
    const auto* change = std::get_if<RecordChange>(&events[i]);
    if (change == nullptr) continue;
    const bool is_account = change->kind == Kind::kAccount;
    share[std::string(crm::EnumNameChangeType(change->type)) + (is_account ? " account" : "")] +=
        one;
  }
  EXPECT_NEAR(share["Update"], 52.6, 1);
  EXPECT_NEAR(share["Update account"], 30.6, 1);
  EXPECT_NEAR(share["Create"] + share["Create account"], 13.4, 1);
  EXPECT_NEAR(share["Delete"] + share["Delete account"], 3.1, 0.5);
  EXPECT_NEAR(share["merge"], 1.05, 0.3);
  EXPECT_NEAR(share["Gap"] + share["Gap account"], 0.1, 0.08);
}

TEST(Generator, EventsHaveTheSizesOfRealOnes) {
  std::vector<size_t> sizes;
  for (const Event& event : events_of({Phase::kBackfill, Phase::kSteady}, 1, kProfileS)) {
    if (std::holds_alternative<RecordChange>(event)) sizes.push_back(encode(event).value->size());
  }
  std::ranges::sort(sizes);
  EXPECT_GT(sizes[sizes.size() / 10], 700U);
  EXPECT_LT(sizes[sizes.size() * 97 / 100], 2'800U);
  EXPECT_GT(sizes.back(), 30'000U);
  EXPECT_LT(sizes.back(), 65'536U);
}

TEST(Generator, SomeAccountsHaveVeryManyChildren) {
  Population population(5);
  const auto batch = population.add_batch(1'000);
  std::map<uint64_t, int> contacts;
  const auto& range = batch[static_cast<size_t>(Kind::kContact)];
  for (uint64_t i = range.first; i < range.end; ++i) {
    ++contacts[population.account_of(Kind::kContact, i)];
  }
  int most = 0;
  for (const auto& [account, count] : contacts) most = std::max(most, count);
  EXPECT_GT(most, 40);
  EXPECT_GT(contacts.size(), 850U);
}

TEST(ZipfRanks, AreProportionalToOneOverRank) {
  constexpr int kDraws = 200'000;
  constexpr uint64_t kRanks = 1000;
  constexpr double kHarmonic = 7.4855;  // of kRanks
  Zipf zipf(kRanks);
  Random random(1);
  std::vector<int> counts(kRanks);
  for (int i = 0; i < kDraws; ++i) ++counts.at(zipf.draw(random));
  for (const size_t rank : {1, 2, 3, 10, 50}) {
    const double expected = kDraws / kHarmonic / static_cast<double>(rank);
    EXPECT_NEAR(counts[rank - 1], expected, 5 * std::sqrt(expected)) << rank;
  }
}

TEST(Delivery, RepeatsAndDelaysSomeAndLosesNone) {
  std::vector<uint64_t> delivered;
  Delivery delivery(
      1, [&](const Event& event) { delivered.push_back(std::get<RecordChange>(event).number); });
  constexpr uint64_t kEvents = 20'000;
  for (uint64_t i = 0; i < kEvents; ++i) delivery.add(RecordChange{.number = i});
  delivery.finish();
  EXPECT_NEAR(static_cast<double>(delivered.size()), kEvents * 1.01, kEvents * 0.003);
  EXPECT_EQ(std::set<uint64_t>(delivered.begin(), delivered.end()).size(), kEvents);
  size_t late = 0;
  uint64_t newest = 0;
  for (const uint64_t number : delivered) {
    if (number < newest) ++late;
    newest = std::max(newest, number);
  }
  EXPECT_NEAR(static_cast<double>(late), kEvents * 0.03, kEvents * 0.006);
}

}  // namespace millrace::apps::synthetic::generator_test
