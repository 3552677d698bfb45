// The answer of a job that runs, through a server of its own.
#include "apps/materializer/mapping_answer.h"

#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/query_server.h"
#include "millrace/testing/topology_driver.h"

#include "apps/cli/query_tool.h"
#include "crm/account_topology.h"
#include "topics.h"

namespace millrace::apps::mapping_answer_test {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kTopic = "cdc.crm.account";

crm::Mapping mapping() {
  return crm::parse_mapping(R"({"topics": {
    "cdc.crm.account": {"format": "debezium", "source": "cdc", "entities": {
      "crm.account": {"type": "account", "id": "id", "fields": {
        "name": "name", "emial": {"name": "email", "personal": true},
        "notes": {"name": "notes", "type": "decimal"}}},
      "crm.acount": {"type": "account", "id": "id"}}},
    "cdc.crm.silent": {"format": "debezium", "source": "cdc", "entities": {
      "crm.silent": {"type": "account", "id": "id"}}}}})")
      .value();
}

class MappingAnswer : public ::testing::Test {
 protected:
  MappingAnswer() {
    server_.route({.pattern = "/v1/mapping", .handler = [this](const HttpRequest&) {
                     return mapping_answer(report_->topics());
                   }});
    port_ = server_.start().value();
  }

  static testing::DriverOptions driver_options() {
    testing::DriverOptions options;
    options.topic_partitions = {{kTopic, 2}, {"cdc.crm.silent", 1}};
    options.partitions = 2;
    return options;
  }
  std::string body() {
    std::ostringstream answer;
    const Status asked = get_path(
        {.server = {.urls = {"http://127.0.0.1:" + std::to_string(port_)}}, .path = "mapping"},
        answer, answer);
    EXPECT_TRUE(asked.ok()) << asked.message();
    return answer.str();
  }

  std::shared_ptr<crm::MappingReport> report_ = std::make_shared<crm::MappingReport>(mapping());
  testing::TopologyDriver driver_{crm::account_topology(mapping(), {.mapping_report = report_}),
                                  driver_options()};
  QueryServer server_{{}};
  int port_ = 0;
};

TEST_F(MappingAnswer, ListsWhatEachFieldDid) {
  int64_t timestamp_ms = 100;
  for (const std::string& value : values_of(kTopic)) {
    driver_.pipe_bytes(kTopic, "k", Bytes(value), timestamp_ms++);
  }
  driver_.pipe_bytes(kTopic, "k", Bytes(std::string(R"({"op":"c","after":{"id":1},"source":
      {"ts_ms":1,"schema":"crm","table":"accounts"}})")),
                     timestamp_ms);
  driver_.run();
  const std::string text = body();
  const json answer = json::parse(text);
  EXPECT_EQ(answer["silent_topics"], json({"cdc.crm.silent"}));
  const json& topic = answer["topics"][0];
  EXPECT_EQ(topic["records"], 6);
  EXPECT_EQ(topic["first_ms"], 100);
  EXPECT_EQ(topic["last_ms"], 105);
  EXPECT_EQ(topic["silent_entities"], json({"crm.acount"}));
  EXPECT_EQ(topic["unknown_entities"][0]["entity"], "crm.accounts");
  const json& entity = topic["entities"][0];
  EXPECT_EQ(entity["absent_fields"], json({"emial"}));
  EXPECT_EQ(entity["with_fields"], 4);
  const json& notes = entity["fields"][2];
  EXPECT_EQ(notes["field"], "notes");
  EXPECT_EQ(notes["refused"], 3) << "one event lacks the value, since it is not available";
  EXPECT_EQ(notes["seen"], 4);
  EXPECT_THAT(notes["last_reason"].get<std::string>(), HasSubstr("number"));
  EXPECT_EQ(notes["first_refused_ms"], 100);
  for (const char* value : {"example.com", "Okafor", "line one", "+49"}) {
    EXPECT_THAT(text, Not(HasSubstr(value)));
  }
}

TEST_F(MappingAnswer, AnswersWhileTheJobRuns) {
  constexpr int kRounds = 20;
  std::jthread asking([this] {
    for (int i = 0; i < kRounds; ++i) EXPECT_TRUE(json::parse(body()).contains("topics"));
  });
  const auto values = values_of(kTopic);
  for (int i = 0; i < kRounds; ++i) {
    for (const std::string& value : values) driver_.pipe_bytes(kTopic, "k", Bytes(value), i);
    driver_.run();
  }
  asking.join();
  EXPECT_EQ(json::parse(body())["topics"][0]["records"], kRounds * values.size());
}

}  // namespace millrace::apps::mapping_answer_test
