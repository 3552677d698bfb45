#include "millrace/engine/config_table.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace millrace::config_table_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class EngineTable : public ::testing::Test {
 protected:
  EngineTable() { add_engine_options(table_, options_); }
  ~EngineTable() override { std::filesystem::remove(file_); }

  std::filesystem::path file_with(const std::string& text) {
    std::ofstream(file_) << text;
    return file_;
  }
  std::string at(int line) const { return file_.string() + ":" + std::to_string(line); }
  Status environment(std::vector<const char*> variables) {
    variables.push_back(nullptr);
    return table_.apply_environment(variables.data());
  }

  EngineOptions options_;
  ConfigTable table_;
  const std::filesystem::path file_ =
      std::filesystem::temp_directory_path() /
      ("millrace_config_test_" + std::to_string(getpid()) + ".toml");
};

TEST_F(EngineTable, StrongerSourcesWin) {
  ASSERT_TRUE(table_
                  .apply_file(file_with("commit.interval.ms = 11\ncommit.interval.max.ms = 1000\n"
                                        "slice.records = 7\n"))
                  .ok());
  ASSERT_TRUE(environment({"MILLRACE_COMMIT_INTERVAL_MS=22", "MILLRACE_COMMIT_INTERVAL_MAX_MS=900",
                           "HOME=/tmp"})
                  .ok());
  ASSERT_TRUE(table_.set("commit.interval.ms", "33", "flag --commit.interval.ms").ok());
  EXPECT_EQ(options_.commit_interval_ms, 33);
  EXPECT_EQ(options_.commit_interval_max_ms, 900);
  EXPECT_EQ(options_.slice_records, 7);
  EXPECT_EQ(table_.source_of("commit.interval.ms"), "flag --commit.interval.ms");
  EXPECT_EQ(table_.source_of("slice.records"), at(3));
  EXPECT_EQ(table_.source_of("worker.threads"), "default");
}

TEST_F(EngineTable, NestedAndQuotedNamesInAFileAreTheSame) {
  ASSERT_TRUE(table_
                  .apply_file(file_with("\"application.id\" = \"a\"\n[commit]\ninterval.ms = 5\n"
                                        "[kafka]\nsecurity.protocol = \"SSL\"\n"))
                  .ok());
  EXPECT_EQ(options_.application_id, "a");
  EXPECT_EQ(options_.commit_interval_ms, 5);
  EXPECT_EQ(options_.kafka.at("security.protocol"), "SSL");
}

TEST_F(EngineTable, AnErrorNamesPropertyValueRangeAndLine) {
  const Status status = table_.apply_file(file_with("# ours\ncommit.interval.ms = 0\n"));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kConfig);
  EXPECT_EQ(status.message(),
            "commit.interval.ms = \"0\" (" + at(2) + "): out of range; allowed: 1 to 60000 ms");
}

TEST_F(EngineTable, EveryFaultOfAFileIsReported) {
  const Status status =
      table_.apply_file(file_with("comit.interval.ms = 5\nworker.threads = [1]\n"
                                  "processing.guarantee = \"twice\"\n"));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("did you mean commit.interval.ms?"));
  EXPECT_THAT(status.message(), HasSubstr("worker.threads (" + at(2) + "): neither"));
  EXPECT_THAT(status.message(), HasSubstr("allowed: exactly_once, at_least_once"));
}

TEST_F(EngineTable, AFileThatIsNoTomlIsNamedWithoutItsText) {
  const Status status = table_.apply_file(file_with("a = 1\nkafka.sasl.password = hunter2\n"));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr(at(2)));
  EXPECT_THAT(status.message(), Not(HasSubstr("hunter2")));
}

TEST_F(EngineTable, AMissingFileIsAnError) {
  EXPECT_EQ(table_.apply_file("/nonexistent/x.toml").code(), ErrorCode::kConfig);
}

TEST_F(EngineTable, SizesTakeUnits) {
  ASSERT_TRUE(table_.set("cache.bytes", "2GiB", "t").ok());
  EXPECT_EQ(options_.cache_bytes, size_t{2} << 30);
  ASSERT_TRUE(table_.set("cache.bytes", "1048576", "t").ok());
  EXPECT_EQ(options_.cache_bytes, size_t{1} << 20);
  EXPECT_THAT(table_.set("cache.bytes", "2GB", "t").message(), HasSubstr("not a size"));
  EXPECT_THAT(table_.set("cache.bytes", "9999999999GiB", "t").message(), HasSubstr("not a size"));
  EXPECT_THAT(table_.set("cache.bytes", "1KiB", "t").message(), HasSubstr("1MiB to 1024GiB"));
}

TEST_F(EngineTable, SecretsAppearInNoMessage) {
  std::string token;
  table_.add_string("api.token", token, {.length_max = 4, .secret = true}, "A secret.");
  EXPECT_THAT(table_.set("api.token", "hunter2", "flag").message(), Not(HasSubstr("hunter2")));
  ASSERT_TRUE(table_.set("api.token", "1234", "flag").ok());
  ASSERT_TRUE(environment({"MILLRACE_KAFKA_SASL_PASSWORD=hunter2"}).ok());
  EXPECT_EQ(options_.kafka.at("sasl.password"), "hunter2");
  EXPECT_THAT(table_.changed(),
              ElementsAre("api.token=*** (flag)",
                          "kafka.sasl.password=*** (environment MILLRACE_KAFKA_SASL_PASSWORD)"));
}

TEST_F(EngineTable, AVariableThatFitsNothingIsAWarning) {
  ASSERT_TRUE(
      environment({"MILLRACE_COMIT_MS=5", "MILLRACE_KAFKA_HEAP=1g", "MILLRACE_KAFKA_VERSION=4.4.0"})
          .ok());
  EXPECT_THAT(table_.warnings(),
              ElementsAre("environment variable MILLRACE_COMIT_MS fits no property"));
  EXPECT_THAT(options_.kafka, IsEmpty());
}

TEST_F(EngineTable, ARequiredPropertyMustBeSet) {
  const Status status = table_.validate();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr("application.id: required; set it by --application.id, "
                                          "MILLRACE_APPLICATION_ID"));
  ASSERT_TRUE(table_.set("application.id", "a", "t").ok());
  EXPECT_TRUE(table_.validate().ok());
}

TEST_F(EngineTable, ConditionsBetweenPropertiesNameBothSources) {
  ASSERT_TRUE(table_.set("application.id", "a", "t").ok());
  ASSERT_TRUE(table_.set("commit.interval.ms", "30000", "flag").ok());
  EXPECT_THAT(table_.validate().message(),
              HasSubstr("commit.interval.max.ms = 2000 (default): less than commit.interval.ms = "
                        "30000 (flag)"));
  ASSERT_TRUE(table_.set("commit.interval.max.ms", "30000", "flag").ok());
  EXPECT_THAT(table_.validate().message(), HasSubstr("transaction.timeout.ms = 10000 (default)"));
}

TEST_F(EngineTable, IllegalNamesAreRefused) {
  EXPECT_FALSE(table_.set("application.id", "../x", "t").ok());
  EXPECT_FALSE(table_.set("application.id", "", "t").ok());
  EXPECT_TRUE(table_.set("instance.id", "", "t").ok());
  EXPECT_FALSE(table_.set("dead.letter.topic", "a b", "t").ok());
}

TEST_F(EngineTable, AnApplicationAddsEntriesOfItsOwn) {
  int days = 7;
  bool create = false;
  table_.add_integer("crm.grace.days", days, {0, 90, "days"}, "Grace time.");
  table_.add_bool("create.topics", create, "Create them.");
  ASSERT_TRUE(table_.set("crm.grace.days", "9", "t").ok());
  ASSERT_TRUE(environment({"MILLRACE_CREATE_TOPICS=true"}).ok());
  EXPECT_EQ(days, 9);
  EXPECT_TRUE(create);
  EXPECT_THAT(table_.markdown(),
              HasSubstr("| `crm.grace.days` | integer, days | `7` | 0 to 90 | Grace time. |"));
}

TEST_F(EngineTable, TheReadmeHoldsTheTableAsItIs) {
  std::ifstream file(README);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_THAT(text, HasSubstr(" -->\n\n" + table_.markdown() + "\n<!-- End of the table. -->"))
      << "the table between the marks in README.md must be:\n"
      << table_.markdown();
}

}  // namespace millrace::config_table_test
