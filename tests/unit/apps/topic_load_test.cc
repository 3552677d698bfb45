#include "apps/cli/topic_load.h"

#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/core/partitioner.h"
#include "millrace/core/serde.h"

#include "engine/testing/memory_broker.h"
#include "territory_rule_generated.h"

namespace millrace::apps::topic_load_test {

using ::testing::HasSubstr;
using testing::MemoryBroker;
using ::testing::SizeIs;
using testing::StoredRecord;

class TopicLoad : public ::testing::Test {
 protected:
  TopicLoad() {
    broker_.create_topic("crm.territory-rules", 1);
    broker_.create_topic("crm.account-territories", 8);
    broker_.create_topic("crm.raw.sf", 2);
  }

  Result<LoadOutcome> load(const std::string& topic, const std::string& text,
                           const std::string& type = "") {
    std::istringstream lines(text);
    const auto clients = broker_.clients();
    return load_topic({.topic = topic, .type = type}, lines, *clients);
  }
  std::vector<StoredRecord> read(const std::string& topic, int32_t partition = 0) {
    return broker_.read_committed({topic, partition});
  }

  MemoryBroker broker_;
};

TEST_F(TopicLoad, WritesTablesAndTombstones) {
  const auto outcome = load("crm.territory-rules",
                            R"({"key":"t:r","value":{"id":"t:r","items":[]},"timestamp_ms":5})"
                            "\n\n"
                            R"({"partition":3,"offset":9,"key":"t:q","value":null})");
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_EQ(outcome->records, 2);
  EXPECT_EQ(outcome->tombstones, 1);
  const auto records = read("crm.territory-rules");
  ASSERT_THAT(records, SizeIs(2));
  EXPECT_EQ(records[0].timestamp_ms, 5);
  EXPECT_EQ(Serde<crm::TerritoryRule>::view(Bytes(*records[0].value)).id()->str(), "t:r");
  EXPECT_EQ(records[1].key, "t:q");
  EXPECT_EQ(records[1].value, std::nullopt);
  EXPECT_GT(records[1].timestamp_ms, 1'700'000'000'000);
}

TEST_F(TopicLoad, NamesTheLineThatIsWrongAndKeepsThoseBefore) {
  const std::string good = R"({"key":"t:r","value":{"id":"t:r","items":[]}})";
  const auto fault = [&](const std::string& line) {
    const auto outcome = load("crm.territory-rules", good + "\n" + line + "\n" + good);
    return outcome.ok() ? "" : std::string(to_string(outcome.code())) + " " + outcome.message();
  };
  EXPECT_THAT(fault("{"), HasSubstr("invalid_record line 2: no JSON"));
  EXPECT_THAT(fault("7"), HasSubstr("line 2: no JSON object"));
  EXPECT_THAT(fault(R"({"value":null})"), HasSubstr("line 2: no key"));
  EXPECT_THAT(fault(R"({"key":"t:r"})"), HasSubstr("line 2: no value; null stands for"));
  EXPECT_THAT(fault(R"({"key":7,"value":null})"), HasSubstr("line 2: key: neither a text nor"));
  EXPECT_THAT(fault(R"({"key":"t:r","value":{}})"), HasSubstr("line 2: value: required field"));
  EXPECT_THAT(fault(R"({"key":"t:r","value":{"id":"no id","items":[]}})"),
              HasSubstr("line 2: value: "));
  EXPECT_THAT(fault(R"({"key":"no id","value":null})"), HasSubstr("line 2: key: "));
  EXPECT_THAT(fault(R"({"key":"t:r","value":null,"time":1})"), HasSubstr("unknown member 'time'"));
  EXPECT_THAT(fault(R"({"key":"t:r","value":null,"timestamp_ms":-1})"),
              HasSubstr("line 2: timestamp_ms: "));
  EXPECT_THAT(fault(std::string(100'000, '[')), HasSubstr("line 2: it is nested too deeply"));
  EXPECT_THAT(fault(std::string(kLoadLineBytesMax + 1, ' ')), HasSubstr("line 2: longer than"));
  EXPECT_EQ(fault(good), "");
  EXPECT_THAT(read("crm.territory-rules"), SizeIs(12 + 3));
}

TEST_F(TopicLoad, WritesTextAndJsonWhereNoTypeIsKnown) {
  const auto outcome =
      load("crm.raw.sf", R"({"key":null,"value":"{\"a\": 1}"})"
                         "\n"
                         R"({"key":null,"value":{"a":[1,null]},"headers":[["h","x"]]})"
                         "\n"
                         R"({"key":null,"value":{"hex":"ff"}})");
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_EQ(read("crm.raw.sf", 0)[0].value, "{\"a\": 1}");
  EXPECT_EQ(read("crm.raw.sf", 1)[0].value, R"({"a":[1,null]})");
  EXPECT_THAT(read("crm.raw.sf", 1)[0].headers, SizeIs(1));
  EXPECT_EQ(read("crm.raw.sf", 0)[1].value, "\xff");
}

TEST_F(TopicLoad, PutsWhatIsUnderAnIdToThePartitionOfTheId) {
  const auto outcome = load("crm.account-territories",
                            R"({"key":"a:1\u0000t:1","value":{"root":"a:1","territory":"t:1"}})");
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_THAT(read("crm.account-territories", partition_of("a:1", 8)), SizeIs(1));
}

TEST_F(TopicLoad, SaysThatThereIsNoSuchTopic) {
  EXPECT_EQ(load("crm.territories", "").code(), ErrorCode::kNotFound);
}

}  // namespace millrace::apps::topic_load_test
