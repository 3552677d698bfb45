#include "apps/synthetic/outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/synthetic/published.h"

namespace millrace::apps::synthetic::outcome_test {

using ::testing::ElementsAre;
using ::testing::Field;

TEST(FinalStateFiles, AreReadAsTheyWereWritten) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / "synthetic_final_state";
  FinalState state;
  state[0]["sf:a"] = line_of(AccountOutcome{.status = "Active",
                                            .members = {{"sf:a", ""}, {"sf:b", "sf:a"}},
                                            .fields = {{"name", "\"Élan\""}, {"city", {}}},
                                            .children = {{"contact", 2}}});
  state[1][std::string("sf:a\0sf:t", 9)] = line_of(TerritoryOutcome{{"sf:r"}, true});
  state[3]["sf:b"] = line_of(RedirectOutcome{"sf:a", "sf:a", "Merged"});
  ASSERT_TRUE(write_expectation(folder, {state, 77, Share{2, 3}}).ok());
  const auto read = read_expectation(folder);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(read->as_of_ms, 77);
  EXPECT_EQ(read->share, (Share{2, 3}));
  EXPECT_EQ(read->state, state);
  std::filesystem::remove_all(folder);
  EXPECT_EQ(read_expectation(folder).code(), ErrorCode::kNotFound);
}

TEST(FinalStates, DifferInRowsThatAreMissingTooManyOrOther) {
  FinalState expected;
  FinalState published;
  expected[0] = {{"a", "1"}, {"b", "1"}, {"c", "1"}};
  published[0] = {{"b", "2"}, {"c", "1"}, {"d", "1"}};
  const auto found = differences(expected, published);
  EXPECT_THAT(found, ElementsAre(Field(&Difference::key, "a"), Field(&Difference::key, "b"),
                                 Field(&Difference::key, "d")));
  EXPECT_EQ(to_text(found[0]), "crm.account-state a\n  expected  1\n  published nothing");
}

TEST(EntitlementOutcomes, JoinSegmentsThatOnlyDifferInProvenance) {
  EntitlementOutcome outcome{"Boolean"};
  outcome.append({.to_ms = 10, .status = "Active", .amount = 1});
  outcome.append({.from_ms = 10, .to_ms = 20, .status = "Active", .amount = 1});
  outcome.append({.from_ms = 20, .status = "Grace", .amount = 1});
  EXPECT_THAT(outcome.segments, ElementsAre(Field(&SegmentOutcome::to_ms, 20),
                                            Field(&SegmentOutcome::status, "Grace")));
  outcome.look_at(19);
  EXPECT_EQ(outcome.current->status, "Active");
}

TEST(Texts, ThatAreLongAreShownByLengthAndChecksum) {
  EXPECT_EQ(shortened("short"), "short");
  const std::string text = shortened(std::string(500, 'x'));
  EXPECT_TRUE(text.starts_with("#500:")) << text;
  EXPECT_NE(text, shortened(std::string(499, 'x') + "y"));
  EXPECT_EQ(shortened(text), text);
}

}  // namespace millrace::apps::synthetic::outcome_test
