// Events of real sources whose order is not that of their clocks, on the real engine.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/metrics.h"
#include "millrace/testing/topology_driver.h"

#include "account_world.h"
#include "crm/account_topology.h"

namespace millrace::crm::order_test {
namespace {

using millrace::testing::DriverOptions;
using millrace::testing::TopologyDriver;
using nlohmann::json;

std::string file(std::string_view name) {
  std::ifstream stream(fmt::format("{}/{}", MILLRACE_ORDER_DATA, name), std::ios::binary);
  MILLRACE_ASSERT(stream.good(), std::string(name).c_str());
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<json> lines(std::string_view name) {
  std::vector<json> lines;
  std::istringstream stream(file(name));
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

constexpr const char* kDebeziumMapping = R"({"topics": {"cdc": {
  "format": "debezium", "source": "pg", "entities": {
    "crm.account": {"type": "account", "id": "id", "master": "merged_into",
                    "fields": {"merged_into": "master"}},
    "crm.contact": {"type": "contact", "id": "id", "parent": "account_id",
                    "fields": {"account_id": "account"}},
    "crm.opportunity": {"type": "opportunity", "id": "id", "parent": "account_id",
                        "fields": {"account_id": "account"}}}}}})";

class Job {
 public:
  explicit Job(const std::string& mapping)
      : driver_(account_topology(parse_mapping(mapping).value()), options()) {}

  void send(const std::string& topic, const json& value) {
    const std::string text = value.dump();
    driver_.pipe_bytes(topic, "k", value.is_null() ? Bytes() : Bytes(text), driver_.now_ms());
    driver_.run();
  }
  void send_case(std::vector<json> records) {
    for (const json& record : records) send(record["topic"], record["value"]);
  }

  /// "Active city=Bonn"; empty: no such account.
  std::string account(const std::string& root, const std::string& field) {
    const auto table = driver_.table_bytes(kAccountStates.name);
    const auto found = table.find(root);
    if (found == table.end()) return "";
    const State state = state_of(found->second);
    std::string text = EnumNameAccountStatus(state.status);
    for (const auto& [name, value, member, version] : state.fields) {
      if (name == field) text += fmt::format(" {}={}", name, value.value_or("null"));
    }
    return text;
  }
  std::string root_of(const std::string& id) {
    const auto redirects = driver_.table_bytes(kRedirects.name);
    const auto found = redirects.find(id);
    if (found == redirects.end()) return id;
    return flatbuffers::GetRoot<Redirect>(found->second.data())->root()->str();
  }
  double dropped(std::string_view reason) {
    return driver_.engine().metrics().dropped(reason).value();
  }

 private:
  static DriverOptions options() {
    DriverOptions options;
    options.topic_partitions = {{std::string(kMergeFacts.name), 1}};
    return options;
  }
  TopologyDriver driver_;
};

/// Sends the records of a case as they came, or backwards.
class SourceCases : public ::testing::TestWithParam<bool> {
 protected:
  std::vector<json> records(std::string_view name) {
    std::vector<json> records = lines(name);
    if (GetParam()) std::ranges::reverse(records);
    return records;
  }
};

TEST_P(SourceCases, SqlServerUpdatesAUniqueColumnByDeleteAndInsert) {
  Job job(file("mapping.json"));
  job.send_case(records("sqlserver-delete-insert-one-seqval.jsonl"));
  EXPECT_EQ(job.account("ms:1004", "tax_no"), "Active tax_no=X-2");
}

TEST_P(SourceCases, SalesforceTransactionsOfOneSecondAreOrderedByCommitNumber) {
  Job job(file("mapping.json"));
  job.send_case(records("salesforce-two-transactions-in-one-second.jsonl"));
  EXPECT_EQ(job.account("sfp:001bm000002WNh1AAG", "industry"), "Active industry=Banking");
  EXPECT_EQ(job.account("sfp:001bm000002WNh2AAG", "industry"), "Active industry=Banking");
  EXPECT_EQ(job.account("sfp:001bm000002WNh3AAG", "industry"), "");
}

TEST_P(SourceCases, PostgresUpdateAfterASnapshotWinsWithAnEarlierClock) {
  Job job(kDebeziumMapping);
  for (const json& event : records("snapshot-handover.jsonl")) job.send("cdc", event);
  EXPECT_EQ(job.account("pg:1300", "city"), "Active city=w1696");
}

TEST_P(SourceCases, PostgresUpdateAfterAnIncrementalSnapshotWinsWithAnEarlierClock) {
  Job job(kDebeziumMapping);
  for (const json& event : records("incremental-snapshot.jsonl")) job.send("cdc", event);
  EXPECT_EQ(job.account("pg:54", "name"), "Active name=after the window");
}

TEST_P(SourceCases, PostgresTransactionIsItsTxId) {
  Job with(file("mapping.json"));
  with.send_case(records("pg-transaction-id-with-lsn.jsonl"));
  EXPECT_EQ(with.root_of("pg:701"), "pg:702");
  Job without(file("mapping.json"));
  without.send_case(records("pg-transaction-null-control.jsonl"));
  EXPECT_EQ(without.root_of("pg:801"), "pg:802");
}

TEST_P(SourceCases, PostgresTransactionWithMetadataMerges) {
  Job job(kDebeziumMapping);
  for (json event : lines("merge-with-transaction-metadata.jsonl")) {
    if (!event["after"].contains("account_id")) continue;
    event["op"] = "r";
    event["after"]["account_id"] = 101;
    event["source"]["snapshot"] = "true";
    event["source"]["lsn"] = 1'000;
    event["transaction"] = nullptr;
    job.send("cdc", event);
  }
  for (const json& event : records("merge-with-transaction-metadata.jsonl")) {
    job.send("cdc", event);
  }
  EXPECT_EQ(job.root_of("pg:101"), "pg:102");
}

TEST(NewLog, ChangesThatLoseToAPositionWithALaterClockAreCounted) {
  Job job(kDebeziumMapping);
  const auto update = [](int64_t ms, int lsn) {
    return json{{"op", "u"},
                {"after", {{"id", 1}}},
                {"source", {{"ts_ms", ms}, {"lsn", lsn}, {"schema", "crm"}, {"table", "account"}}}};
  };
  job.send("cdc", update(1'000'000, 900));
  job.send("cdc", update(900'000, 8));
  job.send("cdc", update(1'050'000, 9));
  EXPECT_EQ(job.dropped("behind_its_log"), 0);
  job.send("cdc", update(1'070'000, 7));
  EXPECT_EQ(job.dropped("behind_its_log"), 1);
}

INSTANTIATE_TEST_SUITE_P(Orders, SourceCases, ::testing::Bool(), [](const auto& one) {
  return one.param ? std::string("Reversed") : std::string("AsSent");
});

}  // namespace
}  // namespace millrace::crm::order_test
