// Any bytes that others may have written to topics of our own are refused, or do no harm.
#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/engine/metrics.h"
#include "millrace/state/timer_queue.h"
#include "millrace/testing/topology_driver.h"

#include "child_world.h"
#include "crm/account_topology.h"
#include "engine/testing/driver_broker.h"
#include "engine/testing/memory_broker.h"
#include "territory/territory_records.h"
#include "tests/unit/mutator.h"

namespace millrace::crm::internal_topics_fuzz_test {

using millrace::testing::DriverOptions;
using millrace::testing::StoredRecord;
using millrace::testing::TopologyDriver;
using ::testing::HasSubstr;
using namespace territory;  // NOLINT(google-build-using-namespace): its vocabulary is the test's

constexpr std::string_view kExchangeEnd = "-exchange";
constexpr std::string_view kChangelogEnd = "-changelog";
constexpr std::string_view kPrefix = "test-";

Mapping mapping() {
  Result<Mapping> read = parse_mapping(R"({"topics": {"crm.raw.sf": {
    "format": "salesforce_cometd", "source": "sf", "entities": {
      "Account": {"type": "account", "master": "MasterRecordId",
                  "fields": {"Name": "name", "MasterRecordId": "master"}},
      "Contact": {"type": "contact", "parent": "AccountId",
                  "fields": {"AccountId": "account", "Name": "name"}},
      "Asset": {"type": "asset", "parent": "AccountId",
                "fields": {"AccountId": "account", "Name": "name", "Product": "product",
                           "Quantity": "quantity"}}}},
    "crm.raw.erp": {"format": "debezium", "source": "erp", "entities": {
      "crm.customers": {"type": "account", "id": "id"},
      "crm.people": {"type": "contact", "id": "id", "parent": "of",
                     "fields": {"of": "account"}}}},
    "crm.raw.erp.transaction": {"format": "debezium", "source": "erp", "entities": {}}}})");
  MILLRACE_ASSERT(read.ok(), read.message().c_str());
  return *std::move(read);
}

AccountOptions account_options() {
  AccountOptions options;
  options.unmerged_children = UnmergedChildren::kStay;
  options.merge_inference_window_ms = 1'000;
  options.delete_grace_ms = 1'000;
  options.child_move_slice = 2;
  options.territories = {.slice_accounts = 1, .slice_interval_ms = 100};
  return options;
}

DriverOptions driver_options() {
  DriverOptions options;
  options.partitions = 2;
  options.topic_partitions = {{std::string(kMergeFacts.name), 1}};
  options.engine.on_invalid_record = OnError::kSkip;
  options.engine.on_user_error = OnError::kSkip;
  options.engine.on_refused_output = OnError::kSkip;
  options.engine.log_level = "error";
  return options;
}

/// The CRM flow, with everything in it, and what it has written to topics of our own.
class FuzzedFlow {
 public:
  explicit FuzzedFlow(uint32_t seed)
      : mutator_(seed),
        topology_(account_topology(mapping(), account_options())),
        driver_(topology_, driver_options()) {
    for (const std::string city : {"Ulm", "Bonn"}) {
      pipe(record_of(TerritoryDefinition{"s:" + city, "s:m"}));
      RuleDefinition rule{.id = "s:r" + city};
      rule.items.push_back({"name", RuleOperator::Equals, city});
      pipe(record_of(rule));
      pipe(record_of(AssociationDefinition{"s:a" + city, "s:r" + city, "s:" + city, true}));
    }
    pipe(record_of(ModelDefinition{"s:m", true, 1}));
    product();
    for (uint32_t world = 0; world < 3; ++world) world_of(seed + world);
    collect();
  }

  TopologyDriver& driver() { return driver_; }
  const Topology& topology() { return *topology_; }
  size_t up_to(size_t last) { return mutator_.up_to(last); }

  /// More of the usual input, and time that passes.
  void world_of(uint32_t seed) {
    for (const auto& [topic, value] : ChildWorld(seed).records()) {
      driver_.pipe_bytes(topic, std::to_string(up_to(99)), Bytes(value), driver_.now_ms());
    }
    const std::string letter(1, static_cast<char>('a' + up_to(4)));
    const RawChange asset{
        .entity = "Asset",
        .id = sf_id("02i", letter[0]),
        .ms = static_cast<int64_t>(seed),
        .fields = {{"AccountId", sf_id("001", letter[0])}, {"Product", "p"}, {"Quantity", "3"}}};
    driver_.pipe_bytes(kRawTopic, "k", Bytes(asset.event()), driver_.now_ms());
    ErasureT erasure;
    erasure.id = "sf:" + sf_id("001", letter[0]);
    erasure.as_of_ms = static_cast<int64_t>(up_to(5));
    driver_.pipe_bytes(kErasures.name, erasure.id, Bytes(Flat<Erasure>(erasure).bytes()),
                       driver_.now_ms());
    pipe(record_of_choice(ChoiceKind::kManual, "s:c" + letter, erasure.id, "s:Ulm"));
    tables_of(seed);
    pass_time();
  }

  /// A truncated table, one that a snapshot sweeps, and the end of a transaction.
  void tables_of(uint32_t seed) {
    const auto table = [&](const char* name, const char* op, const char* mark, uint32_t lsn) {
      const std::string row =
          op == std::string("t") ? "null" : fmt::format(R"({{"id":{},"of":1}})", lsn % 5);
      const std::string event =
          fmt::format(R"({{"op":"{}","before":null,"after":{},"source":{{"name":"e","ts_ms":{},)"
                      R"("snapshot":"{}","schema":"crm","table":"{}","txId":{},"lsn":{}}}}})",
                      op, row, lsn, mark, name, seed, lsn);
      driver_.pipe_bytes("crm.raw.erp", std::to_string(up_to(9)), Bytes(event), driver_.now_ms());
    };
    for (const char* name : {"customers", "people"}) {
      for (uint32_t i = 0; i < 4; ++i) table(name, "c", "false", seed * 10 + i);
    }
    table("customers", "t", "false", seed * 10 + 5);
    table("people", "r", "first", seed * 10 + 6);
    table("people", "r", "last", seed * 10 + 6);
    const std::string end =
        fmt::format(R"({{"status":"END","id":"{}:1","event_count":9,"data_collections":[)"
                    R"({{"data_collection":"crm.customers","event_count":9}}],"ts_ms":1}})",
                    seed);
    driver_.pipe_bytes("crm.raw.erp.transaction", "k", Bytes(end), driver_.now_ms());
  }

  void pass_time() {
    for (int i = 0; i < 3; ++i) {
      const Status status = driver_.try_run();
      ASSERT_TRUE(status.ok()) << status.message();
      driver_.advance_time(300);
      if (i == 0) collect();
    }
  }

  /// A topic of ours and a record that is nearly one of its own.
  struct Forged {
    std::string topic;
    StoredRecord record;
  };
  Forged forge(std::string_view topics_end) {
    std::vector<const std::string*> topics;
    for (const auto& [topic, records] : seen_) {
      if (topic.ends_with(topics_end)) topics.push_back(&topic);
    }
    const std::string& topic = *topics[up_to(topics.size() - 1)];
    const std::vector<StoredRecord>& records = seen_.at(topic);
    Forged forged{topic, records[up_to(records.size() - 1)]};
    const StoredRecord& other = records[up_to(records.size() - 1)];
    StoredRecord& record = forged.record;
    record.offset = record.transaction = 0;
    if (up_to(3) == 0) record.key = mutator_.mutate(record.key, other.key);
    if (up_to(7) != 0) record.value = mutator_.mutate(record.value, other.value);
    if (up_to(15) == 0) record.timestamp_ms = std::numeric_limits<int64_t>::max();
    return forged;
  }

  size_t topics(std::string_view topics_end) const {
    return static_cast<size_t>(std::ranges::count_if(
        seen_, [&](const auto& entry) { return entry.first.ends_with(topics_end); }));
  }
  void append(const Forged& forged) {
    const auto partitions = static_cast<size_t>(broker_of(driver_).partitions(forged.topic));
    broker_of(driver_).append({forged.topic, static_cast<int32_t>(up_to(partitions - 1))},
                              forged.record);
  }

 private:
  void pipe(const TableRecord& record) {
    driver_.pipe_bytes(record.topic, record.key, record.value ? Bytes(*record.value) : Bytes(),
                       driver_.now_ms());
  }

  void product() {
    ProductFeaturesT product;
    product.product = "p";
    product.terms.push_back(std::make_unique<FeatureTermT>());
    product.terms.back()->feature = "seats";
    product.terms.back()->kind = FeatureKind::QuantitySum;
    driver_.pipe_bytes(kProductFeatures.name, "p", Bytes(Flat<ProductFeatures>(product).bytes()),
                       driver_.now_ms());
  }

  void collect() {
    for (const std::string& topic : broker_of(driver_).topics()) {
      if (!topic.starts_with(kPrefix)) continue;
      for (int32_t p = 0; p < broker_of(driver_).partitions(topic); ++p) {
        int64_t& from = read_to_[{topic, p}];
        for (StoredRecord& record : broker_of(driver_).read_committed({topic, p}, from)) {
          from = record.offset + 1;
          seen_[topic].push_back(std::move(record));
        }
      }
    }
  }

  Mutator mutator_;
  Result<Topology> topology_;
  TopologyDriver driver_;
  std::map<std::string, std::vector<StoredRecord>> seen_;
  std::map<TopicPartition, int64_t> read_to_;
};

TEST(InternalTopicsFuzz, ForgedRecordsOfExchangesDoNoHarm) {
  double refused = 0;
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    FuzzedFlow flow(seed);
    ASSERT_GE(flow.topics(kExchangeEnd), 6U);
    for (int round = 0; round < 20; ++round) {
      for (int i = 0; i < 50; ++i) flow.append(flow.forge(kExchangeEnd));
      flow.pass_time();
    }
    flow.world_of(seed + 100);
    refused += flow.driver().engine().metrics().dropped("invalid_record").value();
  }
  EXPECT_GT(refused, 1'000);
}

/// Whether the engine restores from it; what it refuses cannot be tried further.
bool is_row(const Topology& topology, std::string_view topic, const StoredRecord& record) {
  topic.remove_prefix(kPrefix.size());
  topic.remove_suffix(kChangelogEnd.size());
  const StoreSpec& spec = *topology.find_store(topic);
  if (!record.key) return false;
  const Bytes value = record.value ? Bytes(*record.value) : Bytes();
  // As a record batch has it, at an 8-byte boundary.
  std::vector<uint64_t> words(value.size() / sizeof(uint64_t) + 1);
  if (!value.empty()) std::memcpy(words.data(), value.data(), value.size());
  const Bytes aligned = value.is_null() ? Bytes() : Bytes(words.data(), value.size());
  if (spec.timers) return TimerQueue::check_row(Bytes(*record.key), aligned).ok();
  const bool holds_cursors = topic.ends_with("-cursors");
  return !holds_cursors && spec.check_row(Bytes(*record.key), aligned).ok();
}

TEST(InternalTopicsFuzz, ForgedRowsOfChangelogsDoNoHarm) {
  size_t taken = 0;
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    FuzzedFlow flow(seed);
    ASSERT_GE(flow.topics(kChangelogEnd), 10U);
    for (uint32_t round = 0; round < 5; ++round) {
      for (int i = 0; i < 100; ++i) {
        const FuzzedFlow::Forged forged = flow.forge(kChangelogEnd);
        if (!is_row(flow.topology(), forged.topic, forged.record)) continue;
        flow.append(forged);
        ++taken;
      }
      flow.driver().crash_and_restart();
      flow.world_of(seed + 1'000 * round);
    }
  }
  EXPECT_GT(taken, 500U);
}

TEST(InternalTopicsFuzz, AForgedRowThatIsNoneEndsTheStartWithItsPlace) {
  FuzzedFlow flow(1);
  broker_of(flow.driver())
      .append({"test-merge-forest-changelog", 0}, {.key = "nx", .value = "no node", .headers = {}});
  flow.driver().crash_and_restart();
  const Status status = flow.driver().try_run();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("changelog test-merge-forest-changelog/0@"));
  EXPECT_THAT(status.message(), HasSubstr("holds no row of store 'merge-forest'"));
}

}  // namespace millrace::crm::internal_topics_fuzz_test
