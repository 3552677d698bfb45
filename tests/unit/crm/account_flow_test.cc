#include <algorithm>
#include <memory>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crm/account_aggregator.h"
#include "crm/account_row.h"
#include "crm/account_topology.h"
#include "crm/merge_forest.h"
#include "flow_runner.h"
#include "merge_oracle.h"
#include "row_oracle.h"

namespace millrace::crm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

template <class Table, class Object>
std::string packed(const Object& object) {
  return Flat<Table>(object).bytes();
}

std::unique_ptr<VersionT> version(int64_t ms) {
  auto object = std::make_unique<VersionT>();
  object->commit_timestamp_ms = ms;
  return object;
}

using FieldMap = std::map<std::string, std::optional<std::string>>;

std::string change(ChangeType type, const std::string& id, int64_t ms,
                   const FieldMap& fields = {}) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<FieldValue>> values;
  for (const auto& [name, value] : fields) {
    const auto name_offset = builder.CreateString(name);
    values.push_back(CreateFieldValue(
        builder, name_offset,
        value ? builder.CreateString(*value) : flatbuffers::Offset<flatbuffers::String>()));
  }
  const auto id_offset = builder.CreateString(id);
  const auto fields_offset = builder.CreateVector(values);
  builder.Finish(
      CreateAccountChange(builder, id_offset, type, CreateVersion(builder, ms), fields_offset));
  return Flat<AccountChange>(builder).bytes();
}

std::string fact(MergeFactKind kind, const std::string& victim, const std::string& survivor,
                 int64_t ms) {
  MergeFactT object;
  object.kind = kind;
  object.victim = victim;
  if (kind == MergeFactKind::Merge) object.survivor = survivor;
  if (kind == MergeFactKind::Split) object.successors = {survivor};
  object.version = version(ms);
  return packed<MergeFact>(object);
}

std::optional<std::string> text_of(const flatbuffers::String* text) {
  return text == nullptr ? std::nullopt : std::optional(text->str());
}

/// An account state without its counter.
struct State {
  AccountStatus status = AccountStatus::Pending;
  std::vector<std::pair<std::string, std::string>> members;  ///< id, via
  std::vector<std::tuple<std::string, std::optional<std::string>, std::string, int64_t>> fields;
  int64_t event_time_ms = 0;
  bool incomplete = false;

  friend bool operator==(const State&, const State&) = default;
};

State state_of(const std::string& bytes) {
  const auto& table = *flatbuffers::GetRoot<AccountState>(bytes.data());
  State state{.status = table.status(),
              .members = {},
              .fields = {},
              .event_time_ms = table.event_time_ms(),
              .incomplete = table.incomplete()};
  for (const Member* member : *table.members()) {
    state.members.emplace_back(member->id()->str(), text_of(member->via()).value_or(""));
  }
  for (const GoldenField* field : *table.fields()) {
    state.fields.emplace_back(field->name()->str(), text_of(field->value()), field->member()->str(),
                              field->version()->commit_timestamp_ms());
  }
  return state;
}

class AccountFlowTest : public ::testing::Test {
 protected:
  void account(const std::string& value) { runner_.pipe(kAccounts.name, 0, value, 1); }
  void merge_fact(const std::string& value) { runner_.pipe(kMergeFacts.name, 0, value, 1); }
  State stored_state(const std::string& root) {
    return state_of(runner_.all_rows(kAccountStateStore).at(root));
  }
  std::map<std::string, std::string> topic_table() {
    std::map<std::string, std::string> table;
    for (const auto& output : runner_.output(kAccountStates.name)) {
      table.erase(output.key);
      if (output.value) table[output.key] = *output.value;
    }
    return table;
  }

  Topology topology_ = account_topology().value();
  FlowRunner runner_{topology_, 2, 1};
};

TEST_F(AccountFlowTest, AccountWithoutMergesIsItsOwnComponent) {
  account(change(ChangeType::Create, "s:a", 5, {{"name", "Acme"}}));
  runner_.run();
  const State state = stored_state("s:a");
  EXPECT_EQ(state.status, AccountStatus::Active);
  EXPECT_THAT(state.members, ElementsAre(Pair("s:a", "")));
  EXPECT_THAT(state.fields, ElementsAre(std::tuple("name", std::optional<std::string>("Acme"),
                                                   "s:a", int64_t{5})));
  EXPECT_EQ(state.event_time_ms, 5);
}

TEST_F(AccountFlowTest, MergeMovesTheVictimAndLeavesATombstone) {
  account(change(ChangeType::Create, "s:a", 5, {{"name", "Old"}}));
  account(change(ChangeType::Create, "s:b", 6, {{"name", "New"}}));
  runner_.run();
  merge_fact(fact(MergeFactKind::Merge, "s:a", "s:b", 7));
  runner_.run();
  EXPECT_THAT(topic_table(), ElementsAre(Pair("s:b", ::testing::_)));
  const State state = stored_state("s:b");
  EXPECT_THAT(state.members, ElementsAre(Pair("s:a", "s:b"), Pair("s:b", "")));
  EXPECT_EQ(std::get<1>(state.fields.at(0)), "New");
  EXPECT_EQ(stored_state("s:a").status, AccountStatus::Absorbed);
}

TEST_F(AccountFlowTest, ComponentWithoutRowsIsPendingWithItsMembers) {
  merge_fact(fact(MergeFactKind::Merge, "s:a", "s:b", 7));
  runner_.run();
  const State state = stored_state("s:b");
  EXPECT_EQ(state.status, AccountStatus::Pending);
  EXPECT_THAT(state.members, SizeIs(2));
  EXPECT_THAT(state.fields, IsEmpty());
}

TEST_F(AccountFlowTest, UnmergeBringsTheVictimsStateBackWithAHigherCounter) {
  account(change(ChangeType::Create, "s:a", 5, {{"name", "Old"}}));
  runner_.run();
  merge_fact(fact(MergeFactKind::Merge, "s:a", "s:b", 7));
  runner_.run();
  merge_fact(fact(MergeFactKind::Unmerge, "s:a", "", 8));
  runner_.run();
  const std::string bytes = topic_table().at("s:a");
  EXPECT_EQ(state_of(bytes).status, AccountStatus::Active);
  EXPECT_EQ(flatbuffers::GetRoot<AccountState>(bytes.data())->version(), 3u);
}

TEST_F(AccountFlowTest, DeletedAccountIsATombstoneAndStillResolves) {
  account(change(ChangeType::Create, "s:a", 5, {{"name", "Old"}}));
  runner_.run();
  account(change(ChangeType::Delete, "s:a", 6));
  runner_.run();
  EXPECT_THAT(topic_table(), IsEmpty());
  EXPECT_EQ(stored_state("s:a").status, AccountStatus::Deleted);
  EXPECT_THAT(stored_state("s:a").fields, IsEmpty());
  EXPECT_THAT(stored_state("s:a").members, SizeIs(1));
}

TEST_F(AccountFlowTest, RepeatedInputWritesNothing) {
  for (int i = 0; i < 3; ++i) {
    account(change(ChangeType::Create, "s:a", 5, {{"name", "Old"}}));
    merge_fact(fact(MergeFactKind::Merge, "s:b", "s:a", 7));
    runner_.run();
  }
  const auto& written = runner_.output(kAccountStates.name);
  const auto times_a = std::ranges::count(written, "s:a", &FlowRunner::Output::key);
  EXPECT_LE(times_a, 3);
  EXPECT_THAT(runner_.output(kRedirects.name), SizeIs(2));
}

TEST(AccountTopology, HasOneResolverTaskAndOneSubTopologyForTheRest) {
  const Topology topology = account_topology().value();
  const auto resolved = resolve(
      topology, "crm", [](const std::string& topic) { return topic == kMergeFacts.name ? 3 : 4; });
  ASSERT_TRUE(resolved.ok()) << resolved.message();
  std::vector<int32_t> partitions;
  for (const SubTopology& sub : resolved->sub_topologies) partitions.push_back(sub.partitions);
  EXPECT_THAT(partitions, ElementsAre(3, 1, 4));
}

TEST(AccountTopology, InputsThatSayNothingAreRefusedAtTheSource) {
  EXPECT_TRUE(validate_merge_fact(fact(MergeFactKind::Merge, "s:a", "s:b", 1)).ok());
  EXPECT_FALSE(validate_merge_fact(fact(MergeFactKind::Merge, "a", "s:b", 1)).ok());
  EXPECT_FALSE(validate_merge_fact("not a buffer").ok());
  EXPECT_TRUE(validate_account_change(change(ChangeType::Create, "s:a", 1)).ok());
  EXPECT_FALSE(validate_account_change(change(ChangeType::Create, "a", 1)).ok());
}

/// A random history of a small world, and what it must come to.
class World {
 public:
  explicit World(uint32_t seed) : random_(seed) {
    versions_ = up_to(11) + 1;
    for (size_t i = up_to(14); i > 0; --i) changes_.push_back(make_change());
    for (size_t i = up_to(10) + 1; i > 0; --i) facts_.push_back(make_fact());
  }

  size_t up_to(size_t last) { return std::uniform_int_distribution<size_t>(0, last)(random_); }

  /// Everything in random order and places, some of it twice.
  void pipe_into(FlowRunner& runner) {
    std::vector<std::pair<std::string_view, std::string>> records;
    for (const auto& value : changes_) records.emplace_back(kAccounts.name, value);
    for (const auto& value : facts_) records.emplace_back(kMergeFacts.name, value);
    for (size_t i = up_to(5); i > 0; --i) records.push_back(records[up_to(records.size() - 1)]);
    std::ranges::shuffle(records, random_);
    const auto last_partition = static_cast<size_t>(runner.partitions() - 1);
    for (auto& [topic, value] : records) {
      runner.pipe(topic, static_cast<int32_t>(up_to(last_partition)), value, 1);
    }
  }

  /// State per root, of every component.
  std::map<std::string, State> expected() const {
    std::vector<OwnedMergeFact> facts;
    for (const std::string& bytes : facts_) {
      facts.push_back(read_merge_fact(*flatbuffers::GetRoot<MergeFact>(bytes.data())).value());
    }
    MergeOracle merges(facts);
    std::vector<ChangeView> changes;
    for (const std::string& bytes : changes_) {
      changes.push_back(read_change(*flatbuffers::GetRoot<AccountChange>(bytes.data())).value());
      const std::string id(changes.back().id);
      OwnedRedirect self;
      self.id = self.root = id;
      merges.redirects.emplace(id, self);
    }
    std::map<std::string, State> states;
    for (const auto& [id, redirect] : merges.redirects) {
      add_member(states[redirect.root], redirect, changes);
    }
    return states;
  }

 private:
  static void add_member(State& state, const OwnedRedirect& redirect,
                         const std::vector<ChangeView>& changes) {
    state.members.emplace_back(redirect.id, redirect.survivor);
    if (redirect.decision != RedirectDecision::None) {
      state.event_time_ms = std::max(state.event_time_ms, redirect.version.commit_timestamp_ms);
    }
    const RowView row = row_oracle(redirect.id, changes);
    for (const auto& at : {row.existence_version, row.full_image_version, row.gap_version}) {
      if (at) state.event_time_ms = std::max(state.event_time_ms, at->commit_timestamp_ms);
    }
    state.incomplete |= row.incomplete() && row.status != RowStatus::Deleted;
    if (redirect.id != redirect.root || row.status == RowStatus::Unknown) return;
    state.status = row.status == RowStatus::Live ? AccountStatus::Active : AccountStatus::Deleted;
    if (row.status == RowStatus::Deleted) return;
    for (const FieldView& field : row.fields) {
      std::optional<std::string> value;
      if (field.value) value = std::string(*field.value);
      state.fields.emplace_back(std::string(field.name), value, redirect.id,
                                field.version.commit_timestamp_ms);
    }
  }

  std::string any_id() { return "s:" + std::string(1, static_cast<char>('a' + up_to(6))); }
  int64_t any_version() { return static_cast<int64_t>(up_to(versions_)) + 1; }
  std::string make_change() {
    const auto type = static_cast<ChangeType>(up_to(4));
    FieldMap fields;
    if (type != ChangeType::Delete && type != ChangeType::Gap) {
      for (const char* name : {"city", "name"}) {
        if (up_to(2) == 0) continue;
        fields[name] = up_to(4) == 0
                           ? std::nullopt
                           : std::optional(std::string(1, static_cast<char>('p' + up_to(3))));
      }
    }
    return change(type, any_id(), any_version(), fields);
  }
  std::string make_fact() {
    const size_t dice = up_to(9);
    const auto kind = dice == 0   ? MergeFactKind::Split
                      : dice <= 2 ? MergeFactKind::Unmerge
                                  : MergeFactKind::Merge;
    return fact(kind, any_id(), any_id(), any_version());
  }

  std::mt19937 random_;
  size_t versions_ = 1;
  std::vector<std::string> changes_;
  std::vector<std::string> facts_;
};

/// The latest of each key, after checking that no key's counter ever goes back (M8).
std::map<std::string, State> read_table(const std::vector<FlowRunner::Output>& records) {
  std::map<std::string, State> table;
  std::map<std::string, uint64_t> counters;
  for (const FlowRunner::Output& record : records) {
    table.erase(record.key);
    if (!record.value) continue;
    const uint64_t counter = flatbuffers::GetRoot<AccountState>(record.value->data())->version();
    EXPECT_GT(counter, counters[record.key]) << record.key;
    counters[record.key] = counter;
    table[record.key] = state_of(*record.value);
  }
  return table;
}

TEST(AccountFlowProperty, DrainedFlowEqualsTheOracleInAnyOrder) {
  const Topology topology = account_topology().value();
  for (uint32_t seed = 0; seed < 3'000; ++seed) {
    World world(seed);
    FlowRunner runner(topology, static_cast<int32_t>(seed % 3) + 1, seed);
    world.pipe_into(runner);
    runner.run();

    const std::map<std::string, State> expected = world.expected();
    const auto stored = runner.all_rows(kAccountStateStore);
    std::map<std::string, State> published;
    for (const auto& [root, state] : expected) {
      ASSERT_TRUE(stored.contains(root)) << "seed " << seed << ' ' << root;
      ASSERT_EQ(state_of(stored.at(root)), state) << "seed " << seed << ' ' << root;
      if (state.status != AccountStatus::Deleted) published[root] = state;
      for (const auto& [id, via] : state.members) {
        const auto redirects = runner.all_rows(kRedirectStore);
        const auto redirect = redirects.find(id);
        const std::string resolved =
            redirect == redirects.end()
                ? id
                : flatbuffers::GetRoot<Redirect>(redirect->second.data())->root()->str();
        ASSERT_EQ(resolved, root) << "seed " << seed << ' ' << id;
      }
    }
    ASSERT_EQ(read_table(runner.output(kAccountStates.name)), published) << "seed " << seed;
  }
}

}  // namespace
}  // namespace millrace::crm
