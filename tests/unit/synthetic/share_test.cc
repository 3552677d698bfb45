#include "apps/synthetic/share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/synthetic/expected/expected_state.h"
#include "apps/synthetic/expected/share_members.h"
#include "apps/synthetic/generator.h"

namespace millrace::apps::synthetic::share_test {

using ::testing::Eq;
using ::testing::Optional;

constexpr int64_t kStartMs = 1'735'689'600'000;
constexpr int64_t kAsOfMs = kStartMs + 100LL * 24 * 3'600'000;
constexpr GeneratorOptions kOptions{
    .profile = {.accounts = 120, .operations = 800, .territories = 24, .rules = 36, .products = 6},
    .seed = 5,
    .start_ms = kStartMs};

void run_all_phases(const EventSink& sink) {
  Generator generator(kOptions);
  for (const auto& [name, phase] : kPhases) generator.run(phase, sink);
}

ShareMembers members_of(Share share) {
  ShareMembers members(share);
  run_all_phases([&](const Event& event) { members.add(event); });
  members.settle();
  return members;
}

FinalState expected_of(Share share) {
  ExpectedState expected(members_of(share));
  run_all_phases([&](const Event& event) { expected.add(event); });
  return expected.at(kAsOfMs);
}

TEST(Shares, AreReadAsTheyAreWritten) {
  EXPECT_THAT(share_from(to_text(Share{3, 20})), Optional(Eq(Share{3, 20})));
  for (const char* text : {"", "3", "/", "0/2", "3/2", "1/0", "1/x", "-1/2", "1/2 ", "1/200000"}) {
    EXPECT_EQ(share_from(text), std::nullopt) << text;
  }
}

TEST(Shares, ContainEachKeyOnceAndAllKeysOfARoot) {
  for (int i = 0; i < 100; ++i) {
    const std::string root = internal_record_id(Kind::kAccount, static_cast<uint64_t>(i));
    const std::string key = std::string(root).append(1, '\0').append("sf:territory-1");
    int containing = 0;
    for (int32_t number = 1; number <= 7; ++number) {
      const Share share{number, 7};
      containing += share.contains(root) ? 1 : 0;
      EXPECT_EQ(share.contains(root), share.contains(key));
    }
    EXPECT_EQ(containing, 1);
  }
}

TEST(Shares, AreTogetherWhatIsExpectedOfAll) {
  constexpr int32_t kCount = 4;
  FinalState together;
  for (int32_t number = 1; number <= kCount; ++number) {
    const FinalState share = expected_of({number, kCount});
    for (size_t i = 0; i < kOutputs.size(); ++i) {
      EXPECT_GT(share[i].size(), 0U);
      for (const auto& [key, line] : share[i]) {
        EXPECT_TRUE(together[i].emplace(key, line).second) << key;
      }
    }
  }
  EXPECT_EQ(together, expected_of({}));
}

TEST(Shares, KeepFewRecordsOfOthers) {
  const ShareMembers members = members_of({1, 10});
  int all = 0;
  int kept = 0;
  run_all_phases([&](const Event& event) {
    const auto* change = std::get_if<RecordChange>(&event);
    if (change == nullptr || change->type != crm::ChangeType::Create) return;
    ++all;
    kept += members.contains(change->kind, change->number) ? 1 : 0;
  });
  EXPECT_GT(kept, all / 20);
  EXPECT_LT(kept, all / 4);
}

}  // namespace millrace::apps::synthetic::share_test
