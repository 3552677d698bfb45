// Any bytes that others may have written to topics of our own, or to those that we read, are
// refused, or do no harm.
#include <memory>
#include <set>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/engine/metrics.h"
#include "millrace/testing/topology_driver.h"

#include "child_world.h"
#include "crm/account_topology.h"
#include "engine/testing/driver_broker.h"
#include "engine/testing/memory_broker.h"
#include "territory/territory_records.h"
#include "tests/unit/forger.h"

namespace millrace::crm::internal_topics_fuzz_test {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using ::testing::HasSubstr;
using namespace territory;  // NOLINT(google-build-using-namespace): its vocabulary is the test's

Mapping mapping() {
  Result<Mapping> read = parse_mapping(R"({"topics": {"crm.raw.sf": {
    "format": "salesforce_cometd", "source": "sf", "entities": {
      "Account": {"type": "account", "master": "MasterRecordId",
                  "fields": {"Name": "name", "MasterRecordId": "master",
                             "Employees": {"name": "employees", "type": "integer"}}},
      "Contact": {"type": "contact", "parent": "AccountId",
                  "fields": {"AccountId": "account", "Name": "name"}},
      "Asset": {"type": "asset", "parent": "AccountId",
                "fields": {"AccountId": "account", "Name": "name", "Product": "product",
                           "Quantity": "quantity"}}}},
    "crm.raw.erp": {"format": "debezium", "source": "erp", "entities": {
      "crm.customers": {"type": "account", "id": "id"},
      "crm.people": {"type": "contact", "id": "id", "parent": "of",
                     "fields": {"of": "account"}}}},
    "crm.raw.erp.transaction": {"format": "debezium", "source": "erp", "entities": {}},
    "crm.accounts": {"format": "flatbuffers"}}})");
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
  options.indexed_fields = {"name", "employees"};
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

/// The topics that the flow reads as FlatBuffers: inputs, broadcast tables, and the redirects,
/// which it writes itself.
std::set<std::string> flat_topics(const Topology& topology) {
  std::set<std::string> topics;
  for (const Node& node : topology.nodes()) {
    if (node.kind == NodeKind::kSource) topics.insert(node.topic.name);
  }
  for (const TopicUse& table : topology.broadcasts()) topics.insert(table.name);
  std::erase_if(topics, [](const std::string& topic) { return topic.starts_with("crm.raw"); });
  return topics;
}

/// The CRM flow, with everything in it, and what is in the topics that it reads.
class FuzzedFlow {
 public:
  explicit FuzzedFlow(uint32_t seed)
      : forger_(seed),
        topology_(account_topology(mapping(), account_options())),
        driver_(topology_, driver_options()),
        flat_topics_(flat_topics(*topology_)) {
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
  size_t up_to(size_t last) { return forger_.up_to(last); }

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
    pipe(record_of_choice(ChoiceKind::kExclusion, "s:x" + letter, erasure.id, "s:Bonn"));
    const std::string account =
        crm::change(ChangeType::Update, erasure.id, static_cast<int64_t>(seed),
                    {{"name", "Ulm"}, {"employees", std::to_string(up_to(500))}});
    driver_.pipe_bytes(kAccounts.name, erasure.id, Bytes(account), driver_.now_ms());
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

  bool is_flat(const std::string& topic) const { return flat_topics_.contains(topic); }
  size_t topics(const Forger::Topics& of) const { return forger_.topics(of).size(); }
  Forged forge(const Forger::Topics& of) { return forger_.forge(broker_of(driver_), of); }
  void append(const Forged& forged) { broker_of(driver_).append(forged.partition, forged.record); }
  double dropped(std::string_view reason) {
    return driver_.engine().metrics().dropped(reason).value();
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
      if (is_exchange(topic) || is_changelog(topic) || is_flat(topic)) {
        forger_.collect(broker_of(driver_), topic);
      }
    }
  }

  Forger forger_;
  Result<Topology> topology_;
  TopologyDriver driver_;
  const std::set<std::string> flat_topics_;
};

TEST(InternalTopicsFuzz, ForgedRecordsOfExchangesDoNoHarm) {
  double refused = 0;
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    FuzzedFlow flow(seed);
    ASSERT_GE(flow.topics(is_exchange), 6U);
    for (int round = 0; round < 20; ++round) {
      for (int i = 0; i < 50; ++i) flow.append(flow.forge(is_exchange));
      flow.pass_time();
    }
    flow.world_of(seed + 100);
    refused += flow.dropped("invalid_record");
  }
  EXPECT_GT(refused, 1'000);
}

TEST(InternalTopicsFuzz, ForgedRecordsOfTopicsDoNoHarm) {
  double refused = 0;
  double refused_rows = 0;
  for (uint32_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    FuzzedFlow flow(seed);
    const auto is_flat = [&flow](const std::string& topic) { return flow.is_flat(topic); };
    ASSERT_EQ(flow.topics(is_flat), 11U);
    for (int round = 0; round < 12; ++round) {
      for (int i = 0; i < 40; ++i) flow.append(flow.forge(is_flat));
      flow.pass_time();
      if (round % 4 == 0) flow.world_of(seed + 10 * static_cast<uint32_t>(round));
      if (HasFatalFailure()) return;
    }
    refused += flow.dropped("invalid_record");
    refused_rows += flow.dropped("invalid_broadcast");
    flow.driver().crash_and_restart();
    flow.world_of(seed + 100);
  }
  EXPECT_GT(refused, 200);
  EXPECT_GT(refused_rows, 200);
}

TEST(InternalTopicsFuzz, ForgedRowsOfChangelogsDoNoHarm) {
  size_t taken = 0;
  for (uint32_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    FuzzedFlow flow(seed);
    ASSERT_GE(flow.topics(is_changelog), 10U);
    for (uint32_t round = 0; round < 5; ++round) {
      for (int i = 0; i < 100; ++i) {
        const Forged forged = flow.forge(is_changelog);
        const StoreSpec& store = store_behind(flow.topology(), forged.partition.topic);
        // Others end the start, as the test below shows.
        if (store.name.ends_with("-cursors") || !is_row(store, forged.record)) continue;
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
  flow.append(
      {{"test-merge-forest-changelog", 0}, {.key = "nx", .value = "no node", .headers = {}}});
  flow.driver().crash_and_restart();
  const Status status = flow.driver().try_run();
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_THAT(status.message(), HasSubstr("changelog test-merge-forest-changelog/0@"));
  EXPECT_THAT(status.message(), HasSubstr("holds no row of store 'merge-forest'"));
}

}  // namespace millrace::crm::internal_topics_fuzz_test
