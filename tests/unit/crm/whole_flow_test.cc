// The whole account flow at once, over many partitions, with crashes, against an oracle.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crm/signals/signal_topology.h"
#include "flow_runner.h"
#include "whole_flow_coverage.h"
#include "whole_flow_reader.h"
#include "whole_flow_world.h"

namespace millrace::crm::whole_flow_test {

constexpr uint32_t kWorlds = 300;
/// Of each kind of thing in all worlds of one number of partitions.
constexpr size_t kTimesEach = 10;

/// Which deletes of the second phase must wait while no timer fires, whatever the order: of
/// accounts that were there after the first, and of which nobody said that they were merged.
class Waiting {
 public:
  explicit Waiting(const WholeFlowWorld& world)
      : events_(world.events_until(1)), rules_(world.rules()) {
    before_ = expected_flow(world.events_until(0), rules_);
    for (const OwnedMergeFact& fact : all_facts(events_, rules_)) {
      if (fact.kind == MergeFactKind::Merge) victims_.insert(fact.victim);
    }
  }

  bool is_certain(const std::string& root) const {
    const auto before = before_.states.find(root);
    return !victims_.contains(root) && before != before_.states.end() &&
           before->second.status == AccountStatus::Active;
  }
  StateImage state(const std::string& root) const { return waiting_state(events_, rules_, root); }

 private:
  Events events_;
  Rules rules_;
  WholeFlow before_;
  std::set<std::string> victims_;
};

class OneWorld {
 public:
  OneWorld(uint32_t seed, int32_t partitions)
      : world_(seed),
        topology_(account_topology(world_.mapping(), world_.options()).value()),
        runner_(topology_, partitions, seed),
        crashes_(seed % 4 != 0) {
    runner_.hold(kTransactionTimers);
    runner_.hold(kPastParentTimers);
    if (crashes_) runner_.let_crash(static_cast<int32_t>(world_.up_to(3)) + 1);
  }

  void run(Coverage& coverage) {
    run_phase(0);
    expect_expected(0);
    runner_.hold(kDeleteGraceTimers);
    run_phase(1);
    const std::set<std::string> waiting = expect_waiting();
    if (world_.up_to(1) == 0) runner_.release(kDeleteGraceTimers);
    run_phase(2);
    runner_.release(kDeleteGraceTimers);
    runner_.run();
    const WholeFlow expected = expect_expected(2);
    coverage.count("repeated", is_repeated_);
    coverage.count("crash", runner_.crashes() > 0);
    coverage.count("waits after a delete", certain_ > 0);
    count_ends(waiting, expected, coverage);
    coverage.add(world_, expected);
  }

 private:
  void run_phase(size_t phase) {
    auto inputs = world_.inputs(phase);
    is_repeated_ |= std::set(inputs.begin(), inputs.end()).size() < inputs.size();
    for (auto& [topic, value] : inputs) {
      const auto partition = world_.up_to(static_cast<size_t>(runner_.partitions() - 1));
      runner_.pipe(topic, static_cast<int32_t>(partition), std::move(value), 1);
    }
    runner_.run();
  }

  WholeFlow expect_expected(size_t phase) {
    WholeFlow expected = expected_flow(world_.events_until(phase), world_.rules());
    expect(read_flow(runner_), expected, phase);
    return expected;
  }

  void expect(const WholeFlow& actual, const WholeFlow& expected, size_t phase) {
    const auto lines = differences(actual, expected);
    EXPECT_TRUE(lines.empty()) << "phase " << phase << '\n'
                               << fmt::format("{}", fmt::join(lines, "\n"));
    EXPECT_TRUE(std::ranges::includes(actual.splits, expected.splits));
    expect_topics_equal_stores(runner_, crashes_);
  }

  /// Deletes of the second phase are not believed yet. Returns whose.
  std::set<std::string> expect_waiting() {
    WholeFlow expected = expected_flow(world_.events_until(1), world_.rules());
    WholeFlow actual = read_flow(runner_);
    const Waiting waits(world_);
    std::set<std::string> waiting;
    for (auto& [root, state] : expected.states) {
      if (state.status != AccountStatus::Deleted) continue;
      const StateImage& found = actual.states[root];
      const bool is_certain = world_.waits_after_deletes() && waits.is_certain(root);
      certain_ += is_certain ? 1 : 0;
      if (!is_certain && !found.delete_pending) continue;
      EXPECT_TRUE(world_.waits_after_deletes());
      waiting.insert(root);
      state = waits.state(root);
    }
    expect(actual, expected, 1);
    return waiting;
  }

  static void count_ends(const std::set<std::string>& waiting, const WholeFlow& expected,
                         Coverage& coverage) {
    bool merged = false;
    bool undeleted = false;
    for (const std::string& root : waiting) {
      const auto state = expected.states.find(root);
      merged |= state == expected.states.end();
      undeleted |= state != expected.states.end() && state->second.status == AccountStatus::Active;
    }
    coverage.count("merge ends a wait", merged);
    coverage.count("undelete ends a wait", undeleted);
  }

  WholeFlowWorld world_;
  Topology topology_;
  FlowRunner runner_;
  bool crashes_;
  bool is_repeated_ = false;
  size_t certain_ = 0;  ///< accounts that had to wait
};

class WholeFlowProperty : public ::testing::TestWithParam<int32_t> {};

TEST_P(WholeFlowProperty, DrainedFlowEqualsTheOracleInAnyOrderAndAfterCrashes) {
  Coverage coverage;
  for (uint32_t seed = 0; seed < kWorlds; ++seed) {
    OneWorld(seed, GetParam()).run(coverage);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  for (const auto& [what, times] : coverage.counts()) EXPECT_GE(times, kTimesEach) << what;
}

INSTANTIATE_TEST_SUITE_P(Partitions, WholeFlowProperty, ::testing::Values(4, 16));

}  // namespace millrace::crm::whole_flow_test
