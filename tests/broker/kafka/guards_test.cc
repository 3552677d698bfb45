// State and offsets that do not belong together any more, and inputs that somebody else holds up,
// as an engine finds them on a broker.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "millrace/core/partitioner.h"
#include "millrace/engine/metrics.h"

#include "engine/metrics/hidden_records.h"
#include "tests/broker/kafka/engine_runner.h"
#include "tests/broker/kafka/raw_client.h"
#include "tests/unit/engine/roster/asking_clients.h"
#include "tests/unit/engine/small_topologies.h"
#include "tests/unit/testing/counting_topology.h"

namespace millrace::engine::kafka::guards_test {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kJars = "kafka-jars-";

/// Counts all records, whatever their keys.
class Counter final : public Processor {
 public:
  void process(const Record& record) override {
    KeyValueStore& rows = context().store("rows");
    const Row row = rows.get(Bytes("all"));
    const std::string count = std::to_string(row ? std::stoi(row.value.to_string()) + 1 : 1);
    rows.put(Bytes("all"), Bytes(count), record.timestamp_ms);
  }
};

/// Counts the records of two topics in the store "rows".
Result<Topology> counting(const std::string& left, const std::string& right) {
  std::vector<Node> nodes(3);
  for (size_t i = 0; i < 2; ++i) {
    nodes[i].name = i == 0 ? "left-in" : "right-in";
    nodes[i].kind = NodeKind::kSource;
    nodes[i].topic = {i == 0 ? left : right, type_info<std::string>(), type_info<std::string>()};
    nodes[i].children = {2};
  }
  nodes[2].name = "count";
  nodes[2].factory = [] { return std::make_unique<Counter>(); };
  nodes[2].parents = {0, 1};
  nodes[2].stores = {"rows"};
  return Topology::create(
      "counting", std::move(nodes),
      {{.name = "rows", .key = type_info<std::string>(), .value = type_info<std::string>()}}, {});
}

class GuardsTest : public BrokerTest {
 protected:
  void SetUp() override {
    BrokerTest::SetUp();
    clients_ = clients();
    left_ = make_topic("left");
    right_ = make_topic("right");
  }

  std::unique_ptr<Engine> engine() {
    return must(
        Engine::create(counting(left_, right_), forgiving(options()), *clients_, system_clock()));
  }
  /// Counts three records and two, and stops.
  void count_some() {
    write(left_, {"1", "2", "3"});
    write(right_, {"1", "2"});
    const auto counting = engine();
    Status status;
    ASSERT_TRUE(turn_until(*counting, status, [&] {
      return committed({left_, 0}) >= 3 && committed({right_, 0}) >= 2;
    }));
    ASSERT_OK(status);
    ASSERT_OK(counting->close());
  }
  /// How the next start ends.
  Status end_of_next() {
    const auto next = engine();
    Status status;
    EXPECT_TRUE(turn_until(*next, status, [] { return false; }));
    return status;
  }

  std::unique_ptr<ClientFactory> clients_;
  std::string left_;
  std::string right_;
};

TEST_F(GuardsTest, OffsetsLostForOneOfTwoInputsAreNotAppliedTwice) {
  count_some();
  RawClient(options().bootstrap_servers).ask([&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_topic_partition_list_t* const partitions = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(partitions, right_.c_str(), 0);
    rd_kafka_DeleteConsumerGroupOffsets_t* lost =
        rd_kafka_DeleteConsumerGroupOffsets_new(options().application_id.c_str(), partitions);
    rd_kafka_DeleteConsumerGroupOffsets(client, &lost, 1, nullptr, queue);
    rd_kafka_DeleteConsumerGroupOffsets_destroy(lost);
    rd_kafka_topic_partition_list_destroy(partitions);
  });
  ASSERT_EQ(committed({right_, 0}), -1);
  ASSERT_GE(committed({left_, 0}), 3);
  const Status ended = end_of_next();
  EXPECT_CODE(ended, ErrorCode::kConfig);
  EXPECT_THAT(ended.message(), HasSubstr("no offsets for its input " + right_ + "/0"));
}

TEST_F(GuardsTest, AChangelogThatWasDeletedIsNotMadeAnew) {
  count_some();
  const std::string changelog = options().application_id + "-rows-changelog";
  ASSERT_OK(admin_->describe_topic(changelog).status());
  RawClient(options().bootstrap_servers).ask([&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    rd_kafka_DeleteTopic_t* deleted = rd_kafka_DeleteTopic_new(changelog.c_str());
    rd_kafka_DeleteTopics(client, &deleted, 1, nullptr, queue);
    rd_kafka_DeleteTopic_destroy(deleted);
  });
  ASSERT_TRUE(eventually([&] {
    const auto described = admin_->describe_topic(changelog);
    return !described.ok() && described.code() == ErrorCode::kNotFound;
  }));
  const Status ended = end_of_next();
  EXPECT_CODE(ended, ErrorCode::kConfig);
  EXPECT_THAT(ended.message(), AllOf(HasSubstr("changelog '" + changelog + "' of store 'rows'"),
                                     HasSubstr("has committed offset")));
  EXPECT_CODE(admin_->describe_topic(changelog).status(), ErrorCode::kNotFound);
}

/// The newest jars that `local_kafka.sh` fetched; empty: it fetched none.
std::filesystem::path kafka_jars() {
  if (const char* const named = std::getenv("MILLRACE_KAFKA_JARS")) return named;
  std::filesystem::path newest;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(KAFKA_JARS_PARENT, error)) {
    const bool has_jars = entry.is_directory() && entry.path().stem().string().starts_with(kJars);
    if (has_jars) newest = std::max(newest, entry.path());
  }
  return newest;
}

/// The lines that a tool of Kafka prints, in words.
std::vector<std::vector<std::string>> output_of(const std::string& command) {
  std::vector<std::vector<std::string>> lines;
  std::FILE* const pipe = popen(command.c_str(), "r");
  std::array<char, 4096> line;
  while (std::fgets(line.data(), line.size(), pipe) != nullptr) {
    std::istringstream words(line.data());
    lines.emplace_back(std::istream_iterator<std::string>(words),
                       std::istream_iterator<std::string>());
  }
  EXPECT_EQ(pclose(pipe), 0) << command;
  return lines;
}

TEST_F(GuardsTest, TheCommandThatIsToldNamesTheProducerOfAnOpenTransaction) {
  const std::filesystem::path jars = kafka_jars();
  ASSERT_FALSE(jars.empty()) << "local_kafka.sh fetches Kafka's tools when it starts one";
  write(left_, {"before"});
  const std::string id = unique("foreign");
  KafkaOptions patient = options();
  patient.transaction_timeout_ms = 300'000;  // a tool of Kafka's takes seconds to start
  const auto others = clients(patient);
  const auto foreign = must(others->producer(id));
  ASSERT_OK(foreign->init_transactions());
  ASSERT_OK(foreign->begin_transaction());
  ASSERT_OK(foreign->send({.topic = must(foreign->topic_handle(left_)),
                           .partition = 0,
                           .key = "k",
                           .value = "open",
                           .timestamp_ms = 1,
                           .headers = {}}));
  ASSERT_OK(foreign->flush());

  const std::string servers = options().bootstrap_servers;
  const std::string script = "kafka-transactions.sh";
  const std::string tool =
      fmt::format("java -cp '{}/*' org.apache.kafka.tools.TransactionsCommand", jars.string());
  std::string command = producers_command(servers, {left_, 0});
  ASSERT_TRUE(command.starts_with(script));
  const auto producers = output_of(tool + command.substr(script.size()) + " 2>/dev/null");
  std::string producer;
  for (const std::vector<std::string>& line : producers) {
    if (!line.empty() && line.back() == "1") producer = line.front();  // where it begins
  }
  ASSERT_FALSE(producer.empty()) << ::testing::PrintToString(producers);
  const auto transactions =
      output_of(fmt::format("{} --bootstrap-server {} list 2>/dev/null", tool, servers));
  EXPECT_THAT(transactions, Contains(AllOf(Contains(id), Contains(producer), Contains("Ongoing"))));
  ASSERT_OK(foreign->abort_transaction());
}

TEST_F(GuardsTest, AnOpenTransactionShowsInHealthWithWhatItHides) {
  write(left_, {"before"});
  const auto foreign = must(clients_->producer(unique("foreign")));
  ASSERT_OK(foreign->init_transactions());
  ASSERT_OK(foreign->begin_transaction());
  ASSERT_OK(foreign->send({.topic = must(foreign->topic_handle(left_)),
                           .partition = 0,
                           .key = "k",
                           .value = "open",
                           .timestamp_ms = 1,
                           .headers = {}}));
  ASSERT_OK(foreign->flush());
  write(left_, {"committed, and hidden"});

  const auto counting = engine();
  Status status;
  std::vector<PartitionLag> hidden;
  ASSERT_TRUE(turn_until(*counting, status, [&] {
    hidden = counting->metrics().hidden_inputs();
    return !hidden.empty();
  }));
  ASSERT_OK(status);
  ASSERT_THAT(hidden, SizeIs(1));
  EXPECT_EQ(hidden[0].partition, (TopicPartition{left_, 0}));
  EXPECT_EQ(hidden[0].hidden->last_stable_offset, 1);
  EXPECT_EQ(hidden[0].records, 2);
  EXPECT_LE(hidden[0].hidden->since_ms, system_clock().now_ms());
  ASSERT_OK(foreign->commit_transaction());
  EXPECT_TRUE(
      turn_until(*counting, status, [&] { return counting->metrics().hidden_inputs().empty(); }));
  EXPECT_GE(committed({left_, 0}), 3);
  EXPECT_OK(counting->close());
}

/// A clock that a test sets forward.
class AheadClock final : public millrace::Clock {
 public:
  int64_t now_ms() const override { return system_clock().now_ms(); }
  int64_t steady_ns() const override {
    return system_clock().steady_ns() + ahead_ms_.load() * kNsPerMs;
  }
  void advance(int64_t milliseconds) { ahead_ms_ += milliseconds; }

 private:
  std::atomic<int64_t> ahead_ms_ = 0;
};

TEST_F(GuardsTest, ABroadcastTopicThatGrowsEndsTheInstanceAndTheNextReadsAllOfIt) {
  const std::string rules = make_topic("rules", 1, {{"cleanup.policy", "compact"}});
  const Script telling{.sources = {left_},
                       .sink = right_,
                       .broadcast = rules,
                       .on_change =
                           [](ProcessorContext& context, const BroadcastChange& change) {
                             context.forward({.key = change.key,
                                              .value = change.value,
                                              .old_value = {},
                                              .timestamp_ms = change.timestamp_ms,
                                              .headers = {}});
                           },
                       .on_reset = [](ProcessorContext&, std::string_view) {}};
  pipe(rules, "one", "1", 1);
  AheadClock clock;
  auto old = must(Engine::create(scripted(telling), forgiving(options()), *clients_, clock));
  Status status;
  const auto has_output = [&](int64_t end) {
    return must(admin_->watermarks({right_, 0})).high >= end;
  };
  ASSERT_TRUE(turn_until(*old, status, [&] { return has_output(1); }));
  ASSERT_OK(status);
  RawClient(options().bootstrap_servers).ask([&](rd_kafka_t* client, rd_kafka_queue_t* queue) {
    char text[512];
    rd_kafka_NewPartitions_t* more =
        rd_kafka_NewPartitions_new(rules.c_str(), 2, text, sizeof text);
    ASSERT_NE(more, nullptr) << text;
    rd_kafka_CreatePartitions(client, &more, 1, nullptr, queue);
    rd_kafka_NewPartitions_destroy(more);
  });
  ASSERT_TRUE(eventually([&] { return must(admin_->describe_topic(rules)).partitions == 2; }));
  pipe(rules, "two", "2", 1, 1);
  clock.advance(60'000);
  EXPECT_TRUE(turn_until(*old, status, [] { return false; }));
  EXPECT_CODE(status, ErrorCode::kConfig);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("broadcast topic '" + rules + "' has 2 partitions"),
                                      HasSubstr("this instance reads 1")));
  EXPECT_FALSE(old->close().ok());
  old.reset();

  const int64_t before = must(admin_->watermarks({right_, 0})).high;
  auto next = must(Engine::create(scripted(telling), forgiving(options()), *clients_, clock));
  status = {};
  EXPECT_TRUE(turn_until(*next, status, [&] { return has_output(before + 1); }));
  EXPECT_OK(status);
  EXPECT_OK(next->close());
  EXPECT_THAT(values_of(read_to_end(right_).records), ElementsAre("1", "2"));
}

/// The first instance dies in a transaction that has offsets, the second before it can end it. Only
/// the third can, long before the broker would.
TEST_F(GuardsTest, TheTransactionsOfAllThatDiedAreEnded) {
  KafkaOptions patient = options();
  patient.transaction_timeout_ms = 600'000;
  const auto own = [&](const std::string& name) {
    EngineOptions instance = forgiving(patient);
    instance.instance_id = patient.instance_id = name;
    return instance;
  };
  Script counting{.process = count_up, .sources = {left_}, .with_store = true, .sink = right_};
  Status status;

  const EngineOptions first = own("first");
  auto factory = clients(patient);
  EngineHooks hooks;
  hooks.on_commit_step = [](CommitStep step) {
    return step == CommitStep::kOffsetsSent ? Error{ErrorCode::kInternal, "killed"} : Status();
  };
  pipe(left_, "k", "v", 1);
  auto engine = must(Engine::create(scripted(counting), first, *factory, system_clock(), hooks));
  EXPECT_TRUE(turn_until(*engine, status, [] { return false; }));
  EXPECT_CODE(status, ErrorCode::kInternal);
  engine.reset();
  ASSERT_EQ(committed({left_, 0}), -2) << "an open transaction has the offset";

  const EngineOptions second = own("second");
  std::atomic<bool> has_tried = false;
  Questions questions;
  questions.answers_at_once = false;
  questions.producer = [&](const std::string& id) -> Status {
    if (!id.ends_with("-first")) return {};
    has_tried = true;
    return Error{ErrorCode::kRetriable, "away"};
  };
  factory = std::make_unique<AskingClients>(clients(patient), questions);
  engine = must(Engine::create(scripted(counting), second, *factory, system_clock()));
  status = {};
  ASSERT_TRUE(turn_until(*engine, status, [&] { return has_tried.load(); }));
  ASSERT_OK(status);
  engine.reset();
  ASSERT_EQ(committed({left_, 0}), -2);

  const EngineOptions third = own("third");
  factory = clients(patient);
  engine = must(Engine::create(scripted(counting), third, *factory, system_clock()));
  EXPECT_TRUE(turn_until(*engine, status, [&] { return committed({left_, 0}) >= 1; }));
  EXPECT_OK(status);
  EXPECT_OK(engine->close());
  EXPECT_THAT(values_of(read_to_end(right_).records), ElementsAre("1"));
}

class ExchangeGuardsTest : public GuardsTest {
 protected:
  void SetUp() override {
    GuardsTest::SetUp();
    words_ = make_topic("words", 2);
    exchange_ = {options().application_id + "-by-value-exchange", 1};
    while (partition_of(Bytes(word_), 2) != exchange_.partition) word_ += "x";
  }
  std::unique_ptr<Engine> counting(int64_t commit_interval_ms) {
    EngineOptions own = forgiving(options());
    own.commit_interval_ms = own.commit_interval_max_ms = commit_interval_ms;
    return must(Engine::create(testing::counting_topology(true, false, words_, right_), own,
                               *clients_, system_clock()));
  }
  /// Commits so many words once, so that they are in the exchange and nobody has read them there.
  void leave_in_exchange(int count) {
    write(words_, std::vector<std::string>(count, word_));
    const auto engine = counting(60'000);
    Status status;
    ASSERT_TRUE(turn_until(*engine, status,
                           [&] { return engine->is_idle() && engine->has_uncommitted(); }));
    ASSERT_OK(status);
    ASSERT_OK(engine->close());
  }
  void expect_hole(int64_t begin) {
    ASSERT_OK(admin_->delete_records(std::vector<PartitionOffset>{{exchange_, begin}}));
    const auto engine = counting(100);
    Status status;
    EXPECT_TRUE(turn_until(*engine, status, [&] { return engine->is_idle(); }));
    EXPECT_CODE(status, ErrorCode::kConfig);
    EXPECT_THAT(status.message(), AllOf(HasSubstr("exchange " + exchange_.to_string() +
                                                  " begins at " + std::to_string(begin)),
                                        HasSubstr("are lost"), HasSubstr("Reset the application")));
  }

  std::string words_;
  std::string word_ = "w";
  TopicPartition exchange_;
};

TEST_F(ExchangeGuardsTest, AHoleBehindWhatWasReadOfAnExchangeEndsTheStart) {
  write(words_, {word_, word_, word_});
  const auto engine = counting(100);
  Status status;
  ASSERT_TRUE(turn_until(*engine, status, [&] { return committed(exchange_) >= 3; }));
  ASSERT_OK(status);
  ASSERT_OK(engine->close());
  const int64_t read_to = committed(exchange_);
  leave_in_exchange(3);
  ASSERT_EQ(committed(exchange_), read_to);
  expect_hole(read_to + 2);
}

TEST_F(ExchangeGuardsTest, AHoleInAnExchangeThatNobodyHasReadYetEndsTheStart) {
  leave_in_exchange(3);
  ASSERT_EQ(committed(exchange_), -1);
  expect_hole(2);
}

}  // namespace millrace::engine::kafka::guards_test
