// A synthetic workload through the whole topology on the real engine, against a model of everything
// that has no code of the operators.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "apps/synthetic/delivery.h"
#include "apps/synthetic/encode.h"
#include "apps/synthetic/expected/expected_state.h"
#include "apps/synthetic/generator.h"
#include "apps/synthetic/published.h"
#include "crm/account_topology.h"
#include "crm/mapping/mapping.h"

namespace millrace::apps::synthetic::oracle_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

constexpr int64_t kDayMs = 24LL * 3'600'000;
constexpr int64_t kStartMs = 1'735'689'600'000;  // 2025-01-01
constexpr int64_t kSliceIntervalMs = 100;
constexpr Profile kSmall{
    .accounts = 60, .operations = 400, .territories = 24, .rules = 36, .products = 6};

/// Of the application, where tests differ.
struct CrmOptions {
  int64_t merge_inference_window_ms = 600'000;
  int64_t delete_grace_ms = 0;
  bool children_stay = false;
};

Result<Topology> topology(const CrmOptions& crm) {
  Result<crm::Mapping> mapping = crm::load_mapping(APPS_DATA "/synthetic_mapping.json");
  MILLRACE_ASSERT(mapping.ok(), mapping.message().c_str());
  crm::AccountOptions options;
  options.child_move_slice = 4;
  options.merge_inference_window_ms = crm.merge_inference_window_ms;
  options.delete_grace_ms = crm.delete_grace_ms;
  if (crm.children_stay) options.unmerged_children = crm::UnmergedChildren::kStay;
  options.territories.slice_accounts = 5;
  options.territories.slice_interval_ms = kSliceIntervalMs;
  return crm::account_topology(*std::move(mapping), options);
}

/// Events of all phases, what they come to, and the engine they go through.
class Workload {
 public:
  Workload(uint64_t seed, int32_t partitions, const CrmOptions& crm = {})
      : random_(seed),
        generator_({kSmall, seed, kStartMs}),
        expected_(ShareMembers({}),
                  crm.children_stay ? UnmergedChildren::kStay : UnmergedChildren::kReturn),
        driver_(topology(crm), options(partitions)) {}

  /// In the order of the source, but for what comes late and again.
  void generate(Phase phase) {
    Delivery delivery(random_.next(), [this](const Event& event) { events_.push_back(event); });
    generator_.run(phase, [&](const Event& event) {
      expected_.add(event);
      delivery.add(event);
    });
    delivery.finish();
  }
  /// Records and merges in any order; definitions keep theirs.
  void shuffle() {
    const auto first_definition = std::stable_partition(
        events_.begin(), events_.end(),
        [](const Event& e) { return !std::holds_alternative<DefinitionChange>(e); });
    std::vector<Event> definitions(first_definition, events_.end());
    std::vector<Event> rest(events_.begin(), first_definition);
    for (size_t i = rest.size(); i > 1; --i) std::swap(rest[i - 1], rest[random_.below(i)]);
    events_.clear();
    size_t taken = 0;
    for (Event& event : rest) {
      const bool is_due = taken < definitions.size() && random_.permille(200);
      if (is_due) events_.push_back(definitions[taken++]);
      events_.push_back(std::move(event));
    }
    events_.insert(events_.end(), definitions.begin() + static_cast<int64_t>(taken),
                   definitions.end());
  }

  /// The last event that `is_it` is true of never comes.
  template <class Predicate>
  void lose_last(Predicate&& is_it) {
    const auto found = std::find_if(events_.rbegin(), events_.rend(), is_it);
    ASSERT_NE(found, events_.rend());
    events_.erase(std::next(found).base());
  }

  /// Delivers everything, each record to any partition; now and then the engine runs, crashes at
  /// any step of a commit, or starts again.
  void deliver(bool with_crashes) {
    for (const Event& event : std::exchange(events_, {})) {
      const RawRecord record = encode(event);
      driver_.pipe_bytes(record.topic, record.key, record.value ? Bytes(*record.value) : Bytes(),
                         record.timestamp_ms, partition_for(record));
      if (!random_.permille(10)) continue;
      driver_.advance_time(random_.between(0, 20));
      if (with_crashes && random_.permille(300)) {
        driver_.crash_at(static_cast<CommitStep>(random_.below(kSteps)),
                         static_cast<int>(random_.between(1, 2)));
      }
      run_through_crashes();
      if (with_crashes && random_.permille(100)) driver_.restart();
    }
  }

  /// Runs until nothing moves any more, on to `as_of_ms`.
  void settle(int64_t as_of_ms) {
    constexpr int kSlices = 400;
    for (int i = 0; i < kSlices; ++i) {
      run_through_crashes();
      driver_.advance_time(kSliceIntervalMs);
    }
    driver_.advance_time(as_of_ms - driver_.now_ms());
    run_through_crashes();
  }

  FinalState published(int64_t as_of_ms) {
    FinalState state;
    for (size_t i = 0; i < kOutputs.size(); ++i) {
      for (const auto& [key, value] : driver_.table_bytes(kOutputs[i].topic)) {
        state[i][key] = published_line(static_cast<Output>(i), Bytes(value), as_of_ms).value();
      }
    }
    return state;
  }
  FinalState expected(int64_t as_of_ms) { return expected_.at(as_of_ms); }
  TopologyDriver& driver() { return driver_; }

 private:
  static constexpr size_t kSteps = static_cast<size_t>(CommitStep::kDone) + 1;

  static DriverOptions options(int32_t partitions) {
    DriverOptions options;
    options.partitions = partitions;
    options.topic_partitions = {{"crm.merge-facts", 1}, {std::string(kRawTopic), 3}};
    for (const TopicUse& table : crm::territory_tables()) options.topic_partitions[table.name] = 1;
    options.topic_partitions["crm.product-features"] = 1;
    options.start_time_ms = kStartMs;
    return options;
  }
  std::optional<int32_t> partition_for(const RawRecord& record) {
    if (record.topic != kRawTopic) return 0;
    return static_cast<int32_t>(random_.below(3));
  }
  void run_through_crashes() {
    for (int attempts = 0; !driver_.try_run().ok(); ++attempts) {
      ASSERT_LT(attempts, 5);
      driver_.crash_and_restart();
    }
  }

  Random random_;
  Generator generator_;
  ExpectedState expected_;
  std::vector<Event> events_;
  TopologyDriver driver_;
};

void expect_same(const FinalState& expected, const FinalState& published) {
  const std::vector<Difference> found = differences(expected, published);
  for (size_t i = 0; i < std::min<size_t>(found.size(), 5); ++i) ADD_FAILURE() << to_text(found[i]);
  EXPECT_EQ(found.size(), 0U);
}

/// All outputs have something in them.
void expect_full(const FinalState& state) {
  for (size_t i = 0; i < kOutputs.size(); ++i) EXPECT_GE(state[i].size(), 5U) << kOutputs[i].topic;
}

class SyntheticOracle : public ::testing::TestWithParam<int32_t> {};

INSTANTIATE_TEST_SUITE_P(Partitions, SyntheticOracle, ::testing::Values(4, 16));

TEST_P(SyntheticOracle, AgreesAfterEachPhase) {
  Workload run(1, GetParam());
  int64_t as_of_ms = kStartMs + kDayMs / 2;
  for (const auto& [name, phase] : kPhases) {
    run.generate(phase);
    run.deliver(false);
    as_of_ms += phase == Phase::kQuarterEnd ? 90 * kDayMs : kDayMs;
    run.settle(as_of_ms);
    const FinalState expected = run.expected(as_of_ms);
    if (phase == Phase::kRealignment) expect_full(expected);
    expect_same(expected, run.published(as_of_ms));
    ASSERT_FALSE(HasFailure()) << "after phase " << name;
  }
}

TEST_P(SyntheticOracle, AgreesWhateverTheOrderAndWithCrashes) {
  for (uint64_t seed = 10; seed < 14; ++seed) {
    Workload run(seed, GetParam());
    for (const auto& [name, phase] : kPhases) run.generate(phase);
    run.shuffle();
    run.deliver(true);
    const int64_t as_of_ms = kStartMs + 100 * kDayMs;
    run.settle(as_of_ms);
    expect_same(run.expected(as_of_ms), run.published(as_of_ms));
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST_P(SyntheticOracle, AgreesWithGraceAndWhereChildrenStay) {
  constexpr int64_t kGraceMs = 700;
  for (uint64_t seed = 30; seed < 32; ++seed) {
    Workload run(seed, GetParam(), {.delete_grace_ms = kGraceMs, .children_stay = true});
    for (const auto& [name, phase] : kPhases) run.generate(phase);
    if (seed % 2 == 0) run.shuffle();
    run.deliver(true);
    const int64_t as_of_ms = kStartMs + 100 * kDayMs;
    run.settle(as_of_ms);
    expect_same(run.expected(as_of_ms), run.published(as_of_ms));
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

/// Topics on which anything differs when an event is lost.
template <class Predicate>
std::set<std::string> topics_that_differ_without(Predicate&& is_it) {
  Workload run(
      20, 2,
      {.merge_inference_window_ms = 0});  // lest lost merges are found out from other changes
  run.generate(Phase::kBackfill);
  run.generate(Phase::kBulkDedupe);
  run.lose_last(is_it);
  run.deliver(false);
  const int64_t as_of_ms = kStartMs + kDayMs;
  run.settle(as_of_ms);
  std::set<std::string> topics;
  for (const Difference& each : differences(run.expected(as_of_ms), run.published(as_of_ms))) {
    topics.insert(each.topic);
  }
  return topics;
}

TEST(SyntheticOracleItself, SeesThatAnEventWasLost) {
  EXPECT_THAT(topics_that_differ_without(
                  [](const Event& event) { return std::holds_alternative<MergeChange>(event); }),
              IsSupersetOf({"crm.account-state", "crm.redirects"}));
  EXPECT_THAT(topics_that_differ_without([](const Event& event) {
                const auto* change = std::get_if<RecordChange>(&event);
                return change != nullptr && change->kind == Kind::kContact &&
                       change->type == crm::ChangeType::Create;
              }),
              ElementsAre("crm.account-state"));
}

}  // namespace millrace::apps::synthetic::oracle_test
