#include "apps/cli/topic_dump.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "millrace/core/serde.h"

#include "account_state_generated.h"
#include "engine/testing/memory_broker.h"

namespace millrace::apps::topic_dump_test {

using ::testing::HasSubstr;
using testing::MemoryBroker;
using ::testing::Not;
using testing::StoredRecord;
using Json = nlohmann::ordered_json;

class TopicDump : public ::testing::Test {
 protected:
  TopicDump() {
    broker_.create_topic("crm.account-state", 1);
    broker_.create_topic("raw", 1);
    std::ofstream(mapping_) << R"({"topics": {"raw": {"format": "debezium", "source": "a",
        "entities": {"t": {"type": "account", "id": "id", "fields": {
          "email": {"name": "email", "personal": true}}}}}}})";
  }
  ~TopicDump() override { std::filesystem::remove(mapping_); }

  void write(const std::string& topic, const std::string& key, const std::string& value) {
    StoredRecord record;
    record.key = key;
    record.value = value;
    record.headers.emplace_back("trace", "private header");
    broker_.append({topic, 0}, std::move(record));
  }
  static std::string state(const std::string& notes) {
    crm::AccountStateT state;
    state.root = "a:1";
    for (const auto& [name, value] :
         {std::pair<std::string, std::string>{"email", "me@x.org"}, {"notes", notes}}) {
      auto field = std::make_unique<crm::GoldenFieldT>();
      field->name = name;
      field->value = value;
      field->member = "a:1";
      field->version = std::make_unique<crm::VersionT>();
      state.fields.push_back(std::move(field));
    }
    return Flat<crm::AccountState>(state).bytes();
  }
  std::string dump(const std::string& topic, bool reveals = false) {
    const auto clients = broker_.clients();
    DumpOptions options;
    options.topic = topic;
    options.mapping_file = mapping_;
    options.reveals = reveals;
    ::testing::internal::CaptureStdout();
    const Status status = dump_topic(options, *clients);
    std::string out = ::testing::internal::GetCapturedStdout();
    EXPECT_TRUE(status.ok()) << status.message();
    return out;
  }

  MemoryBroker broker_;
  const std::string mapping_ =
      std::filesystem::path(::testing::TempDir()) / "topic_dump_mapping.json";
};

TEST_F(TopicDump, TextWithControlCharactersIsValidJsonAndMasked) {
  write("crm.account-state", "a:1", state("line one\x0bline two \x1b \xff\x7f"));
  const std::string line = dump("crm.account-state");
  const Json json = Json::parse(line);
  EXPECT_THAT(line, HasSubstr("line one\\u000bline two"));
  EXPECT_EQ(json["value"]["fields"][0]["value"], "***");
  EXPECT_THAT(line, Not(HasSubstr("me@x.org")));
}

TEST_F(TopicDump, BytesThatCannotBeMaskedAreNotShown) {
  write("crm.account-state", "a:1", "me@x.org, and no table");
  write("raw", R"({"email":"me@x.org"})", R"({"email": "me@x.org", "notes": broken})");
  write("raw", "me@x.org", R"({"after":{"email":"me@x.org","n":1}})");
  for (const char* topic : {"crm.account-state", "raw"}) {
    const std::string lines = dump(topic);
    EXPECT_THAT(lines, Not(HasSubstr("me@x.org"))) << lines;
    EXPECT_THAT(lines, Not(HasSubstr("6d654078"))) << lines;
    EXPECT_THAT(lines, Not(HasSubstr("private header"))) << lines;
    EXPECT_THAT(lines, HasSubstr("hidden_bytes"));
  }
  EXPECT_THAT(dump("raw"), HasSubstr(R"({"after":{"email":"***","n":1}})"));
  EXPECT_THAT(dump("raw", true), HasSubstr("broken"));
}

}  // namespace millrace::apps::topic_dump_test
