#include <sstream>
#include <stdexcept>

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "millrace/engine/metrics.h"
#include "millrace/testing/topology_driver.h"

#include "engine/base/line_limit.h"
#include "engine/output/dead_letters.h"
#include "engine/testing/driver_broker.h"
#include "secret_files.h"
#include "small_topologies.h"

namespace millrace::engine::errors_test {

using testing::DriverOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing::TopologyDriver;

std::vector<std::string> outputs(TopologyDriver& driver) {
  std::vector<std::string> values;
  for (const auto& record : driver.read_bytes("out")) values.push_back(record.value.value_or(""));
  return values;
}

Status only_even(Bytes bytes) {
  if (bytes.size() % 2 == 0) return {};
  return Error{ErrorCode::kInvalidRecord, "an odd number of bytes"};
}

const TypeInfo kEven{"even", &only_even};

/// Puts the value at its key, forwards it, then throws when it is "bad".
void put_then_throw(ProcessorContext& context, const Record& record) {
  context.store("rows").put(record.key, record.value, record.timestamp_ms);
  context.forward(record);
  if (record.value == Bytes("bad")) throw std::runtime_error("told so");
}

DriverOptions with(OnError invalid, OnError user = OnError::kFail,
                   OnError refused = OnError::kFail) {
  DriverOptions options;
  options.engine.on_invalid_record = invalid;
  options.engine.on_user_error = user;
  options.engine.on_refused_output = refused;
  return options;
}

TEST(Errors, AnInvalidRecordIsSkippedAndCounted) {
  TopologyDriver driver(scripted({.value = kEven}), with(OnError::kSkip));
  for (const char* value : {"ok", "odd", "okay"}) driver.pipe_bytes("left", "k", value, 1);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("ok", "okay"));
  EXPECT_EQ(driver.engine().metrics().dropped("invalid_record").value(), 1);
}

TEST(Errors, ADeadLetterKeepsBytesHeadersPositionAndReason) {
  TopologyDriver driver(scripted({.value = kEven}), with(OnError::kDeadLetter));
  driver.pipe_bytes("left", std::string("k"), "odd", 5, std::nullopt, {{"trace", "7"}});
  driver.run();
  const auto letters = driver.read_bytes("test-dead-letters");
  ASSERT_EQ(letters.size(), 1U);
  EXPECT_EQ(letters[0].key, "k");
  EXPECT_EQ(letters[0].value, "odd");
  EXPECT_EQ(letters[0].timestamp_ms, 5);
  const auto& headers = letters[0].headers;
  EXPECT_EQ(headers.at("trace"), "7");
  EXPECT_EQ(headers.at("millrace.error"), "invalid_record");
  EXPECT_EQ(headers.at("millrace.reason"), "an odd number of bytes");
  EXPECT_EQ(headers.at("millrace.topic"), "left");
  EXPECT_EQ(headers.at("millrace.partition"), "0");
  EXPECT_EQ(headers.at("millrace.offset"), "0");
  EXPECT_EQ(headers.at("millrace.task"), "0_0");
}

TEST(Errors, ManyBadRecordsAreLettersAndCountsAndFewLinesOfTheLog) {
  TopologyDriver driver(scripted({.value = kEven}), with(OnError::kDeadLetter));
  std::ostringstream log;
  const auto logger = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  for (int i = 0; i < 300; ++i) driver.pipe_bytes("left", "k", "odd", 1);
  driver.run();
  EXPECT_EQ(driver.read_bytes("test-dead-letters").size(), 300U);
  EXPECT_EQ(driver.engine().metrics().dropped("invalid_record").value(), 300);
  EXPECT_TRUE(driver.engine().close());
  spdlog::set_default_logger(logger);
  size_t lines = 0;
  const std::string text = log.str();
  for (size_t at = text.find("left/0@"); at != std::string::npos;
       at = text.find("left/0@", at + 1)) {
    ++lines;
  }
  EXPECT_EQ(lines, LineLimit::kLinesMax);
  EXPECT_THAT(
      text, HasSubstr(R"(kind="record sent to the dead letters reason=invalid_record" lines=280)"));
}

/// A letter as a reader of its topic fetches it.
std::optional<DeadLetter> letter_of(const testing::DriverRecord& record) {
  std::vector<Header> headers;
  // The driver sorts headers by name; ours begin all the same and stand at the end here.
  for (const char* last :
       {"none", "trace", "millrace.error", "millrace.reason", "millrace.topic",
        "millrace.partition", "millrace.offset", "millrace.task", "millrace.key"}) {
    const auto header = record.headers.find(last);
    if (header == record.headers.end()) continue;
    headers.push_back({header->first, header->second ? Bytes(*header->second) : Bytes()});
  }
  RecordBatch batch;
  batch.add(record.offset, record.timestamp_ms, Bytes(*record.key), Bytes(*record.value), headers);
  return read_dead_letter(batch.records().front());
}

TEST(Errors, ASealedDeadLetterGivesItsRecordToTheKeyAlone) {
  const SecretFiles files;
  DriverOptions options = with(OnError::kDeadLetter);
  options.engine.dead_letter_key_file = files.write("key", std::string(64, '7'));
  TopologyDriver driver(scripted({.value = kEven}), options);
  driver.pipe_bytes("left", std::string("jane"), "odd", 5, std::nullopt,
                    {{"trace", "7"}, {"none", std::nullopt}});
  driver.run();
  const auto letters = driver.read_bytes("test-dead-letters");
  ASSERT_EQ(letters.size(), 1U);
  std::optional<DeadLetter> letter = letter_of(letters[0]);
  ASSERT_TRUE(letter && letter->is_sealed());
  EXPECT_NE(letter->key, "jane");
  EXPECT_NE(letter->value, "odd");
  EXPECT_NE(letter->headers.back().second, "7");
  EXPECT_EQ(letter->reason, "an odd number of bytes");
  EXPECT_EQ(letter->topic, "left");

  const auto key = SealingKey::load(options.engine.dead_letter_key_file);
  const auto other = SealingKey::load(files.write("other", std::string(64, '8')));
  EXPECT_EQ(open_dead_letter(*letter, {&*other, 1}).code(), ErrorCode::kNotFound);
  std::optional<DeadLetter> moved = letter;
  moved->offset = 1;
  EXPECT_EQ(open_dead_letter(*moved, {&*key, 1}).code(), ErrorCode::kInvalidRecord);
  ASSERT_TRUE(open_dead_letter(*letter, {&*key, 1}).ok());
  EXPECT_EQ(letter->key, "jane");
  EXPECT_EQ(letter->value, "odd");
  EXPECT_THAT(letter->headers, ElementsAre(Pair("none", std::nullopt), Pair("trace", "7")));
}

TEST(Errors, AKeyFileThatCannotBeReadEndsTheStart) {
  DriverOptions options = with(OnError::kDeadLetter);
  options.engine.dead_letter_key_file = "/nowhere/key";
  EXPECT_DEATH(TopologyDriver(scripted({.value = kEven}), options), "/nowhere/key: cannot be read");
}

TEST(Errors, AnInvalidRecordStopsTheEngineUnderPolicyFail) {
  TopologyDriver driver(scripted({.value = kEven}), with(OnError::kFail));
  driver.pipe_bytes("left", "k", "odd", 1);
  const Status status = driver.try_run();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kInvalidRecord);
  EXPECT_THAT(status.message(), HasSubstr("left/0@0"));
  EXPECT_EQ(driver.engine().state(), EngineState::kFailed);
  EXPECT_EQ(broker_of(driver).committed_offset({"left", 0}), -1);
}

TEST(Errors, AFailedEngineCommitsNothingWhenItCloses) {
  TopologyDriver driver(scripted({.process = put_then_throw, .with_store = true}),
                        with(OnError::kFail));
  for (const char* value : {"good", "bad"}) driver.pipe_bytes("left", "k", value, 1);
  ASSERT_FALSE(driver.try_run().ok());
  EXPECT_FALSE(driver.engine().close().ok());
  EXPECT_THAT(outputs(driver), IsEmpty());
  EXPECT_EQ(broker_of(driver).committed_offset({"left", 0}), -1);
}

Status throw_at_odd(Bytes bytes) {
  if (bytes.size() % 2 == 0) return {};
  throw std::runtime_error("told so");
}

TEST(Errors, AValidatorThatThrowsRefusesTheRecord) {
  const Script script{.value = {"even", &throw_at_odd}};
  TopologyDriver driver(scripted(script), with(OnError::kSkip));
  for (const char* value : {"ok", "odd", "okay"}) driver.pipe_bytes("left", "k", value, 1);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("ok", "okay"));
  EXPECT_EQ(driver.engine().metrics().dropped("invalid_record").value(), 1);

  TopologyDriver strict(scripted(script), with(OnError::kFail));
  strict.pipe_bytes("left", "k", "odd", 1);
  const Status status = strict.try_run();
  EXPECT_EQ(status.code(), ErrorCode::kInvalidRecord);
  EXPECT_THAT(status.message(), HasSubstr("left/0@0: told so"));
}

TEST(Errors, UserCodeThatThrowsLeavesNeitherRowNorOutput) {
  TopologyDriver driver(scripted({.process = put_then_throw, .with_store = true}),
                        with(OnError::kFail, OnError::kSkip));
  for (const char* value : {"good", "bad"}) driver.pipe_bytes("left", "k", value, 1);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("good"));
  EXPECT_EQ(driver.store_bytes("rows", "k"), "good");
  EXPECT_EQ(broker_of(driver).committed_offset({"left", 0}), 2);
  EXPECT_EQ(driver.engine().metrics().dropped("user_code").value(), 1);
}

TEST(Errors, ANullKeyForAStoreIsAUserError) {
  for (const auto& use : std::vector<std::function<void(KeyValueStore&, Bytes)>>{
           [](KeyValueStore&rows, Bytes key) { rows.put(key, "v", 1); },
           [](KeyValueStore&rows, Bytes key) { rows.put("k", key, 1); },
           [](KeyValueStore&rows, Bytes key) { rows.erase(key, 1); },
           [](KeyValueStore&rows, Bytes key) { static_cast<void>(rows.get(key)); }}) {
    TopologyDriver driver(scripted({.process =
                                        [use](ProcessorContext& context, const Record& record) {
                                          use(context.store("rows"), record.key);
                                        },
                                    .with_store = true}),
                          with(OnError::kFail, OnError::kSkip));
    driver.pipe_bytes("left", std::nullopt, "keyless", 1);
    driver.run();
    EXPECT_EQ(driver.engine().metrics().dropped("user_code").value(), 1);
    EXPECT_EQ(broker_of(driver).committed_offset({"left", 0}), 1);
  }
}

TEST(Errors, APunctuationThatThrowsLeavesNothing) {
  const Script script{.init =
                          [](ProcessorContext& context) {
                            context.schedule(TimeKind::kStream, 10, [&context](int64_t now_ms) {
                              context.store("rows").put("k", "half", now_ms);
                              throw std::runtime_error("told so");
                            });
                          },
                      .with_store = true};
  TopologyDriver driver(scripted(script), with(OnError::kFail, OnError::kSkip));
  driver.pipe_bytes("left", "k", "v", 25);
  driver.run();
  EXPECT_THAT(outputs(driver), ElementsAre("v"));
  EXPECT_EQ(driver.store_bytes("rows", "k"), std::nullopt);
}

class TooLarge : public ::testing::Test {
 protected:
  /// Forwards ten times the value to a topic that takes 1000 bytes; puts it first.
  static Result<Topology> topology() {
    return scripted({.process =
                         [](ProcessorContext& context, const Record& record) {
                           context.store("rows").put(record.key, record.value, 1);
                           std::string large;
                           for (int i = 0; i < 10; ++i) large += record.value.view();
                           Record grown = record;
                           grown.value = Bytes(large);
                           context.forward(grown);
                         },
                     .with_store = true});
  }
};

TEST_F(TooLarge, AnOutputIsRefusedWithinItsUnit) {
  DriverOptions options = with(OnError::kFail, OnError::kFail, OnError::kSkip);
  TopologyDriver driver(topology(), options);
  driver.pipe_bytes("left", "k", std::string(10, 'a'), 1);
  driver.pipe_bytes("left", "k", std::string(200'000, 'b'), 1);
  driver.run();
  EXPECT_EQ(outputs(driver).size(), 1U);
  EXPECT_EQ(driver.store_bytes("rows", "k"), std::string(10, 'a'));
  EXPECT_EQ(driver.engine().metrics().dropped("refused_output").value(), 1);
}

TEST_F(TooLarge, AnOutputStopsTheEngineUnderPolicyFail) {
  TopologyDriver driver(topology(), with(OnError::kFail));
  driver.pipe_bytes("left", "k", std::string(200'000, 'b'), 1);
  const Status status = driver.try_run();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kRefused);
  EXPECT_THAT(status.message(), HasSubstr("left/0@0"));
  EXPECT_THAT(status.message(), HasSubstr("'out'"));
}

TEST_F(TooLarge, ARowForTheChangelogFailsItsUnitLikeAUserError) {
  TopologyDriver driver(scripted({.process =
                                      [](ProcessorContext& context, const Record& record) {
                                        context.store("rows").put(record.key, record.value, 1);
                                      },
                                  .with_store = true}),
                        with(OnError::kFail, OnError::kDeadLetter));
  driver.pipe_bytes("left", "k", std::string(2'000'000, 'b'), 1);
  driver.run();
  EXPECT_EQ(driver.store_bytes("rows", "k"), std::nullopt);
  EXPECT_EQ(driver.read_bytes("test-dead-letters").size(), 1U);
  EXPECT_EQ(driver.engine().metrics().dropped("user_code").value(), 1);
}

}  // namespace millrace::engine::errors_test
