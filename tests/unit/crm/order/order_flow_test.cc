// Two databases with logs, a source with a clock only, and merges among their accounts: on the real
// engine any order of arrival leads to the same states.
#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "millrace/testing/topology_driver.h"

#include "account_world.h"
#include "crm/account_topology.h"
#include "crm/model/account_row.h"
#include "source_model.h"

namespace millrace::crm::order_test {
namespace {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;

constexpr int64_t kStartMs = 1'700'000'000'000;

Mapping two_databases() {
  return parse_mapping(R"({"topics": {
    "pg": {"format": "debezium", "source": "pg", "entities": {
      "crm.rows": {"type": "account", "id": "id", "fields": {}}}},
    "my": {"format": "debezium", "source": "my", "entities": {
      "crm.rows": {"type": "account", "id": "id", "fields": {}}}},
    "crm.accounts": {"format": "flatbuffers"}},
    "survivorship": {"default": "most_recent"}})")
      .value();
}

struct Input {
  std::string topic;
  std::string value;
};

/// The inputs of a seed, and the last state of the rows that only a database writes.
struct Inputs {
  explicit Inputs(std::mt19937& random) {
    const auto up_to = [&](size_t n) {
      return std::uniform_int_distribution<size_t>(0, n)(random);
    };
    const auto any_id = [&] { return fmt::format("{}:{}", up_to(1) == 0 ? "pg" : "my", up_to(3)); };
    const auto any_ms = [&] { return kStartMs + static_cast<int64_t>(up_to(30'000)) - 5'000; };
    for (const auto& [topic, database] :
         {std::pair("pg", Database::kPostgres), std::pair("my", Database::kMySql)}) {
      History history = random_history(database, random);
      for (std::string& event : history.events) all.push_back({topic, std::move(event)});
      for (const auto& [id, values] : history.records) records[topic + id.substr(1)] = values;
    }
    for (size_t i = up_to(6); i > 0; --i) {
      const std::string id = any_id();
      const ChangeType type = up_to(3) == 0 ? ChangeType::Delete : ChangeType::Update;
      FieldMap fields;
      if (type == ChangeType::Update) fields = {{"a", std::to_string(i)}};
      all.push_back({std::string(kAccounts.name), change(type, id, any_ms(), fields)});
      records.erase(id);
    }
    for (size_t i = up_to(6); i > 0; --i) {
      const MergeFactKind kind = up_to(3) == 0 ? MergeFactKind::Unmerge : MergeFactKind::Merge;
      all.push_back({std::string(kMergeFacts.name), fact(kind, any_id(), any_id(), any_ms())});
    }
  }

  std::vector<Input> all;
  std::map<std::string, std::optional<Values>> records;
};

struct Outcome {
  std::map<std::string, State> states;
  std::map<std::string, std::string> redirects;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome run(const Inputs& inputs, std::mt19937& random) {
  DriverOptions options;
  options.topic_partitions = {{std::string(kMergeFacts.name), 1}};
  options.partitions = static_cast<int32_t>(random() % 2) + 1;
  TopologyDriver driver(account_topology(two_databases()), options);
  std::vector<Input> shuffled = inputs.all;
  std::ranges::shuffle(shuffled, random);
  for (const Input& input : shuffled) {
    driver.pipe_bytes(input.topic, std::to_string(random()), input.value, 1'000);
    if (random() % 8 == 0) driver.run();
    if (random() % 64 == 0) driver.crash_and_restart();
  }
  driver.run();
  for (const auto& [id, values] : inputs.records) {
    const auto stored = driver.store_bytes(kRowStore, id);
    EXPECT_TRUE(stored.has_value()) << id;
    if (!stored) continue;
    const RowView row = read_row(*flatbuffers::GetRoot<AccountRow>(stored->data()));
    EXPECT_EQ(row.status == RowStatus::Live, values.has_value()) << id;
    if (!values) continue;
    for (const FieldView& field : row.fields) {
      EXPECT_EQ(field.value, values->at(std::string(field.name))) << id;
    }
  }
  std::map<std::string, uint64_t> counters;
  for (const auto& record : driver.read_bytes(kAccountStates.name)) {
    if (!record.value) continue;
    const uint64_t counter = flatbuffers::GetRoot<AccountState>(record.value->data())->version();
    EXPECT_GT(counter, std::exchange(counters[*record.key], counter)) << *record.key;
  }
  Outcome outcome;
  for (const auto& [root, bytes] : driver.table_bytes(kAccountStates.name)) {
    outcome.states[root] = state_of(bytes);
  }
  for (const auto& [id, bytes] : driver.table_bytes(kRedirects.name)) {
    const auto& redirect = *flatbuffers::GetRoot<Redirect>(bytes.data());
    outcome.redirects[id] = fmt::format("{} {}", redirect.root()->string_view(),
                                        EnumNameRedirectDecision(redirect.decision()));
  }
  return outcome;
}

TEST(OrderFlow, AnyOrderOfArrivalLeadsToTheSameStates) {
  size_t merged = 0;
  for (uint32_t seed = 0; seed < 15; ++seed) {
    std::mt19937 random(seed);
    const Inputs inputs(random);
    const Outcome first = run(inputs, random);
    const Outcome second = run(inputs, random);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    ASSERT_EQ(second.redirects, first.redirects) << "seed " << seed;
    ASSERT_EQ(second.states, first.states) << "seed " << seed;
    for (const auto& [root, state] : first.states) merged += state.members.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(merged, 10U);
}

}  // namespace
}  // namespace millrace::crm::order_test
