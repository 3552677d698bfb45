// The random worlds of the whole flow, which runs in the simulator (tests/simulation): whatever
// they are made of matters in some of them.
#include <set>

#include <gtest/gtest.h>

#include "whole_flow_coverage.h"

namespace millrace::crm {
namespace {

constexpr uint32_t kWorlds = 300;
/// Of each kind of thing in all worlds.
constexpr size_t kTimesEach = 10;

TEST(WholeFlowWorld, EveryKindOfEventAndEveryRuleMattersInSomeWorlds) {
  Coverage coverage;
  for (uint32_t seed = 0; seed < kWorlds; ++seed) {
    const WholeFlowWorld world(seed);
    coverage.add(world,
                 expected_flow(world.events_until(WholeFlowWorld::kPhases - 1), world.rules()));
  }
  for (const auto& [what, times] : coverage.counts()) EXPECT_GE(times, kTimesEach) << what;
}

TEST(WholeFlowWorld, SomeInputsComeTwice) {
  WholeFlowWorld world(1);
  size_t again = 0;
  for (size_t phase = 0; phase < WholeFlowWorld::kPhases; ++phase) {
    const auto inputs = world.inputs(phase);
    again += inputs.size() - std::set(inputs.begin(), inputs.end()).size();
  }
  EXPECT_GT(again, 0U);
}

}  // namespace
}  // namespace millrace::crm
