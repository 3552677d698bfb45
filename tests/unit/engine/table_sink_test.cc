#include <random>
#include <stdexcept>
#include <tuple>

#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"
#include "millrace/testing/topology_driver.h"

#include "engine/testing/memory_broker.h"
#include "small_topologies.h"

namespace millrace::engine::table_sink_test {

using testing::DriverOptions;
using testing::DriverRecord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;
using testing::TopologyDriver;

/// Writes the value, or erases the row when it is "-", and forwards that change; then throws when
/// the value ends in "!".
void write_row(ProcessorContext& context, const Record& record) {
  KeyValueStore& rows = context.store("rows");
  Record change = record;
  if (record.value == Bytes("-")) {
    if (!rows.get(record.key)) return;
    change.value = Bytes();
    rows.erase(record.key, record.timestamp_ms);
  } else {
    rows.put(record.key, record.value, record.timestamp_ms);
  }
  context.forward(change);
  if (record.value.view().ends_with('!')) throw std::runtime_error("told so");
}

/// A table sink that sends the rows of the store, or one that has an outbox.
Result<Topology> table(bool rows_in_store) {
  Script script{.process = write_row, .with_store = true, .coalesce = true};
  if (rows_in_store) script.forwards_rows_of = "rows";
  return scripted(script);
}

DriverOptions skipping() {
  DriverOptions options;
  options.engine.on_user_error = OnError::kSkip;
  options.engine.on_refused_output = OnError::kSkip;
  return options;
}

using Output = std::tuple<std::optional<std::string>, std::optional<std::string>, int64_t>;

std::vector<Output> sorted_outputs(TopologyDriver& driver) {
  std::vector<Output> outputs;
  for (const DriverRecord& record : driver.read_bytes("out")) {
    outputs.emplace_back(record.key, record.value, record.timestamp_ms);
  }
  std::sort(outputs.begin(), outputs.end());
  return outputs;
}

TEST(TableSink, RowsOfAStoreAreWhatAnOutboxWouldHold) {
  std::mt19937 random(11);
  TopologyDriver in_store(table(true), skipping());
  TopologyDriver in_outbox(table(false), skipping());
  size_t outputs = 0;
  for (int commit = 0; commit < 50; ++commit) {
    for (auto i = random() % 20; i > 0; --i) {
      const std::string key = std::to_string(random() % 8);
      const auto choice = random() % 6;
      const std::string value = choice == 0 ? "-" : std::to_string(i) + (choice == 1 ? "!" : "");
      const auto timestamp_ms = static_cast<int64_t>(random() % 1'000);
      for (TopologyDriver* const driver : {&in_store, &in_outbox}) {
        driver->pipe_bytes("left", key, Bytes(value), timestamp_ms);
      }
    }
    in_store.run();
    in_outbox.run();
    const std::vector<Output> rows = sorted_outputs(in_store);
    ASSERT_EQ(rows, sorted_outputs(in_outbox));
    outputs += rows.size();
  }
  EXPECT_GT(outputs, 100U);
  EXPECT_EQ(in_store.table_bytes("out"), in_outbox.table_bytes("out"));
}

/// The changelog has no derived rows, so the sink cannot follow it.
TEST(TableSink, GetsDerivedRowsOfTheStoreToo) {
  Script script{.process =
                    [](ProcessorContext& context, const Record& record) {
                      write_row(context, record);
                      Record derived = record;
                      const std::string key = "of " + record.key.to_string();
                      derived.key = Bytes(key);
                      write_row(context, derived);
                    },
                .with_store = true,
                .coalesce = true};
  script.forwards_rows_of = "rows";
  script.derived_rows =
      DerivedRows{.is_derived = [](Bytes key) { return key.view().starts_with("of "); },
                  .derive =
                      [](Bytes key, Bytes value, const DerivedRows::Add& add) {
                        const std::string derived = "of " + key.to_string();
                        add(Bytes(derived), value);
                      }};
  TopologyDriver driver(scripted(script), skipping());
  driver.pipe_bytes("left", "k", Bytes("v"), 1);
  driver.run();
  EXPECT_EQ(driver.table_bytes("out")["k"], "v");
  EXPECT_EQ(driver.table_bytes("out")["of k"], "v");
}

TEST(TableSink, ARowThatTheTopicWouldRefuseIsNotInTheStoreEither) {
  for (const bool rows_in_store : {true, false}) {
    TopologyDriver driver(table(rows_in_store), skipping());
    const std::string large(2'000'000, 'x');
    driver.pipe_bytes("left", "k", Bytes("small"), 1);
    driver.pipe_bytes("left", "k", Bytes(large), 2);
    driver.run();
    EXPECT_EQ(driver.table_bytes("out")["k"], "small");
    EXPECT_EQ(driver.store_bytes("rows", "k"), "small");
    EXPECT_EQ(driver.engine().metrics().dropped("refused_output").value(), 1);
  }
}

/// Forwards what comes, so that only the sink decides how large it may be.
TEST(TableSink, ARowThatOnlyTheSinksTopicWouldRefuseFailsItsRecord) {
  DriverOptions options = skipping();
  options.engine.on_refused_output = OnError::kFail;
  TopologyDriver driver(scripted({.coalesce = true}), options);
  driver.pipe_bytes("left", "k", Bytes(std::string(2'000'000, 'x')), 1);
  const Status status = driver.try_run();
  EXPECT_EQ(status.code(), ErrorCode::kRefused);
  EXPECT_THAT(status.message(), HasSubstr("an output of 2000001 bytes is larger than topic 'out'"));
}

/// A table sink whose partitioner is a function of the test.
Result<Topology> partitioned(bool rows_in_store, PartitionKey partition_key) {
  Script script{.process = write_row, .with_store = true, .coalesce = true};
  if (rows_in_store) script.forwards_rows_of = "rows";
  script.partition_key = std::move(partition_key);
  return scripted(script);
}

TEST(TableSink, APartitionerThatThrowsFailsTheRecord) {
  const PartitionKey throws_at_bad = [](Bytes key) {
    if (key == Bytes("bad")) throw std::runtime_error("no partition");
    return key;
  };
  for (const bool rows_in_store : {true, false}) {
    TopologyDriver driver(partitioned(rows_in_store, throws_at_bad), skipping());
    for (const char* key : {"good", "bad", "fine"}) driver.pipe_bytes("left", key, Bytes("v"), 1);
    driver.run();
    EXPECT_THAT(driver.table_bytes("out"), ElementsAre(Pair("fine", "v"), Pair("good", "v")));
    EXPECT_EQ(driver.store_bytes("rows", "bad"), std::nullopt);
    EXPECT_EQ(driver.engine().metrics().dropped("user_code").value(), 1);
  }
}

TEST(TableSink, APartitionerThatThrowsAtTheCommitAloneFollowsThePolicyForUserErrors) {
  for (const bool rows_in_store : {true, false}) {
    int calls = 0;
    const PartitionKey throws_later = [&calls](Bytes key) {
      if (key == Bytes("bad") && ++calls > 1) throw std::runtime_error("no partition");
      return key;
    };
    TopologyDriver driver(partitioned(rows_in_store, throws_later), skipping());
    for (const char* key : {"good", "bad"}) driver.pipe_bytes("left", key, Bytes("v"), 1);
    driver.run();
    EXPECT_THAT(driver.table_bytes("out"), ElementsAre(Pair("good", "v")));
    EXPECT_EQ(driver.engine().metrics().dropped("user_code").value(), 1);

    calls = 0;
    DriverOptions letters = skipping();
    letters.engine.on_user_error = OnError::kDeadLetter;
    TopologyDriver telling(partitioned(rows_in_store, throws_later), letters);
    for (const char* key : {"good", "bad"}) telling.pipe_bytes("left", key, Bytes("v"), 1);
    telling.run();
    EXPECT_THAT(telling.table_bytes("out"), ElementsAre(Pair("good", "v")));
    EXPECT_EQ(telling.engine().metrics().dead_lettered("user_code").value(), 1);
    const std::vector<DriverRecord> sent = telling.read_bytes("test-dead-letters");
    ASSERT_THAT(sent, SizeIs(1));
    EXPECT_EQ(sent[0].key, "bad");
    EXPECT_EQ(sent[0].value, "v");
    EXPECT_EQ(sent[0].headers.at("millrace.error"), "user_code");
    EXPECT_EQ(sent[0].headers.at("millrace.reason"),
              "a row of table sink 'out-sink' cannot be sent to topic 'out': no partition");
    EXPECT_EQ(sent[0].headers.at("millrace.topic"), "left");
    EXPECT_TRUE(sent[0].headers.contains("millrace.cut")) << "a replay must not make it an input";

    calls = 0;
    TopologyDriver strict(partitioned(rows_in_store, throws_later));
    strict.pipe_bytes("left", "bad", Bytes("v"), 1);
    const Status status = strict.try_run();
    EXPECT_EQ(status.code(), ErrorCode::kUserCode);
    EXPECT_THAT(status.message(), HasSubstr("cannot be sent to topic 'out': no partition"));
  }
}

TEST(TableSink, ACrashAfterTheCommitSendsNoRowAgain) {
  TopologyDriver driver(table(true));
  driver.pipe_bytes("left", "k", Bytes("v"), 1);
  driver.crash_at(CommitStep::kTransactionCommitted);
  EXPECT_FALSE(driver.try_run().ok());
  driver.crash_and_restart();
  driver.run();
  EXPECT_THAT(driver.read_bytes("out"), SizeIs(1));
}

}  // namespace millrace::engine::table_sink_test
