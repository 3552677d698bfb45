// Erasures among random interleavings of partitions.
#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/serde.h"

#include "account_world.h"
#include "crm/account_topology.h"
#include "flow_runner.h"

namespace millrace::crm::erasure_flow_test {

using ::testing::IsEmpty;

constexpr int32_t kPartitions = 3;
constexpr int64_t kEvents = 40;
const std::string kErased = "s:c";

std::string erasure(const std::string& id, int64_t as_of_ms) {
  ErasureT erasure;
  erasure.id = id;
  erasure.as_of_ms = as_of_ms;
  return Flat<Erasure>(erasure).bytes();
}

/// One input before it becomes bytes.
struct Event {
  bool is_fact = false;
  int64_t ms = 0;
  ChangeType type = ChangeType::Update;
  MergeFactKind kind = MergeFactKind::Merge;
  std::string id{};
  std::string survivor{};

  std::string bytes() const {
    if (is_fact) return fact(kind, id, survivor, ms);
    return change(type, id, ms, {{"name", id + "@" + std::to_string(ms)}});
  }
  std::string_view topic() const { return is_fact ? kMergeFacts.name : kAccounts.name; }
};

class Story {
 public:
  explicit Story(uint32_t seed) : random_(seed) {
    for (int64_t ms = 1; ms <= kEvents; ++ms) {
      Event event{.is_fact = up_to(1) == 0, .ms = ms, .id = any_id()};
      constexpr ChangeType kTypes[] = {ChangeType::Create, ChangeType::Update, ChangeType::Update,
                                       ChangeType::Delete, ChangeType::Gap};
      event.type = kTypes[up_to(4)];
      if (up_to(3) == 0) event.kind = MergeFactKind::Unmerge;
      if (event.kind == MergeFactKind::Merge) event.survivor = any_id();
      events_.push_back(std::move(event));
    }
  }
  size_t up_to(size_t last) { return std::uniform_int_distribution<size_t>(0, last)(random_); }
  std::mt19937& random() { return random_; }
  std::vector<Event> events() const { return events_; }

 private:
  std::string any_id() { return "s:" + std::string(1, static_cast<char>('a' + up_to(4))); }
  std::mt19937 random_;
  std::vector<Event> events_;
};

/// The sources' events without the record.
std::vector<Event> without(std::vector<Event> events, int64_t through_ms) {
  std::erase_if(events,
                [&](const Event& event) { return event.id == kErased && event.ms <= through_ms; });
  for (Event& event : events) {
    if (!event.is_fact || event.survivor != kErased || event.ms > through_ms) continue;
    event.kind = MergeFactKind::Unmerge;
    event.survivor.clear();
  }
  return events;
}

bool names(const std::string& bytes) {
  for (size_t at = bytes.find(kErased); at != std::string::npos; at = bytes.find(kErased, at + 1)) {
    const size_t end = at + kErased.size();
    if (end == bytes.size() || bytes[end] == '\0') return true;
  }
  return false;
}

/// Of every root that an account's own row stands behind.
std::map<std::string, State> states(const FlowRunner& runner) {
  std::map<std::string, State> states;
  for (const auto& [root, bytes] : runner.all_rows(kAccountStateStore)) {
    State state = state_of(bytes);
    if (state.status == AccountStatus::Absorbed || state.status == AccountStatus::Pending) continue;
    states.emplace(root, std::move(state));
  }
  return states;
}

std::map<std::string, std::string> roots(const FlowRunner& runner) {
  std::map<std::string, std::string> roots;
  for (const auto& [id, bytes] : runner.all_rows(kRedirectStore)) {
    const std::string root = flatbuffers::GetRoot<Redirect>(bytes.data())->root()->str();
    if (root != id) roots[id] = root;
  }
  return roots;
}

class ErasureFlow : public ::testing::Test {
 protected:
  void pipe(FlowRunner& runner, Story& story, std::string_view topic, const std::string& bytes) {
    const auto partition =
        topic == kMergeFacts.name ? 0 : static_cast<int32_t>(story.up_to(kPartitions - 1));
    runner.pipe(topic, partition, bytes, 1);
    if (story.up_to(2) == 0) runner.run();
  }
  Topology topology_ = account_topology().value();
};

TEST_F(ErasureFlow, LeavesWhatTheSourcesWouldHaveSaidWithoutTheRecordInAnyOrder) {
  constexpr uint32_t kStories = 150;
  for (uint32_t seed = 0; seed < kStories; ++seed) {
    Story story(seed);
    const auto through_ms = static_cast<int64_t>(story.up_to(kEvents));
    std::vector<Event> events = story.events();
    FlowRunner expected(topology_, kPartitions, seed);
    for (const Event& event : without(events, through_ms)) {
      expected.pipe(event.topic(), 0, event.bytes(), 1);
    }
    expected.run();
    std::ranges::shuffle(events, story.random());
    FlowRunner runner(topology_, kPartitions, seed + 1);
    const size_t when = story.up_to(events.size() - 1);
    for (size_t i = 0; i < events.size(); ++i) {
      pipe(runner, story, events[i].topic(), events[i].bytes());
      if (i == when) pipe(runner, story, kErasures.name, erasure(kErased, through_ms));
    }
    runner.run();
    EXPECT_EQ(states(runner), states(expected)) << "seed " << seed;
    EXPECT_EQ(roots(runner), roots(expected)) << "seed " << seed;
  }
}

TEST_F(ErasureFlow, NothingButTheMarksNamesARecordThatIsErasedWhole) {
  constexpr uint32_t kStories = 100;
  for (uint32_t seed = 0; seed < kStories; ++seed) {
    SCOPED_TRACE(seed);
    Story story(seed);
    FlowRunner runner(topology_, kPartitions, seed);
    std::vector<Event> events = story.events();
    std::ranges::shuffle(events, story.random());
    const size_t when = story.up_to(events.size() - 1);
    for (size_t i = 0; i < events.size(); ++i) {
      pipe(runner, story, events[i].topic(), events[i].bytes());
      if (i == when) pipe(runner, story, kErasures.name, erasure(kErased, kEvents));
    }
    runner.run();
    for (const auto store : {kRowStore, kRedirectStore, kMemberStore, kAccountStateStore}) {
      for (const auto& [key, value] : runner.all_rows(store)) {
        EXPECT_FALSE(names(key) || names(value)) << store << " " << key;
      }
    }
    for (const auto& [key, value] : runner.all_rows(kForestStore)) {
      EXPECT_TRUE(key == "e" + kErased || !(names(key) || names(value))) << key;
    }
    for (const auto topic : {kRedirects.name, kAccountStates.name}) {
      std::map<std::string, std::optional<std::string>> last;
      for (const auto& output : runner.output(topic)) last[output.key] = output.value;
      for (const auto& [key, value] : last) {
        EXPECT_FALSE(value && (names(key) || names(*value))) << topic << " " << key;
      }
    }
  }
}

TEST_F(ErasureFlow, NewerChangesBringTheRecordBack) {
  FlowRunner runner(topology_, kPartitions, 1);
  runner.pipe(kAccounts.name, 0, change(ChangeType::Create, kErased, 5, {{"name", "Old"}}), 1);
  runner.pipe(kErasures.name, 0, erasure(kErased, 7), 1);
  runner.run();
  EXPECT_THAT(states(runner), IsEmpty());
  runner.pipe(kAccounts.name, 0, change(ChangeType::Create, kErased, 5, {{"name", "Old"}}), 1);
  runner.run();
  EXPECT_THAT(states(runner), IsEmpty()) << "the old change came again";
  runner.pipe(kAccounts.name, 0, change(ChangeType::Create, kErased, 8, {{"name", "New"}}), 1);
  runner.run();
  ASSERT_EQ(states(runner).count(kErased), 1U);
  EXPECT_EQ(std::get<1>(states(runner).at(kErased).fields.at(0)), "New");
}

}  // namespace millrace::crm::erasure_flow_test
