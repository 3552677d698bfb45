#include "engine/config/config_cli.h"

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::engine::config_cli_test {

using ::testing::HasSubstr;
using ::testing::Not;

class Flags : public ::testing::Test {
 protected:
  Flags() { add_engine_options(table_, options_); }

  Status parse(std::vector<std::string> arguments, std::vector<const char*> environment = {}) {
    CLI::App app{"test"};
    ConfigFlags flags(table_, app);
    app.parse(flags.take_maps(std::move(arguments)));
    help_ = app.help();
    environment.push_back(nullptr);
    return flags.apply(environment.data());
  }

  EngineOptions options_;
  ConfigTable table_;
  std::string help_;
};

TEST_F(Flags, SetPropertiesInBothForms) {
  ASSERT_TRUE(parse({"--application.id", "a", "--commit.interval.ms=250", "--query.port", "-1"},
                    {"MILLRACE_COMMIT_INTERVAL_MS=9"})
                  .ok());
  EXPECT_EQ(options_.application_id, "a");
  EXPECT_EQ(options_.commit_interval_ms, 250);
  EXPECT_EQ(options_.query_port, -1);
}

TEST_F(Flags, PassKafkaPropertiesThrough) {
  ASSERT_TRUE(
      parse({"--application.id=a", "--kafka.sasl.username", "joe", "--kafka.sasl.password=a=b"})
          .ok());
  EXPECT_EQ(options_.kafka.at("sasl.username"), "joe");
  EXPECT_EQ(options_.kafka.at("sasl.password"), "a=b");
}

TEST_F(Flags, WarnOfASecretOnTheCommandLine) {
  ASSERT_TRUE(
      parse({"--application.id=a", "--kafka.sasl.username=joe", "--kafka.sasl.password=xyz"},
            {"MILLRACE_KAFKA_SSL_KEY_PASSWORD=xyz"})
          .ok());
  ASSERT_EQ(table_.warnings().size(), 1U);
  EXPECT_THAT(table_.warnings()[0], HasSubstr("--kafka.sasl.password is on the command line"));
  EXPECT_THAT(table_.warnings()[0], Not(HasSubstr("xyz")));
}

TEST_F(Flags, ABareBooleanMeansTrue) {
  ASSERT_TRUE(parse({"--application.id=a", "--allow.orphans", "--query.port", "5"}).ok());
  EXPECT_TRUE(options_.allow_orphans);
  ASSERT_TRUE(parse({"--application.id=a", "--allow.orphans=false"}).ok());
  EXPECT_FALSE(options_.allow_orphans);
}

TEST_F(Flags, UnknownOnesAreRefused) {
  EXPECT_THROW((void)parse({"--commit.interval.mz", "5"}), CLI::ParseError);
  EXPECT_THROW((void)parse({"--kafka.x"}), CLI::ParseError);
}

TEST_F(Flags, HelpShowsRangeUnitAndDefault) {
  ASSERT_TRUE(parse({"--application.id=a"}).ok());
  EXPECT_THAT(help_, HasSubstr("--commit.interval.ms INTEGER"));
  EXPECT_THAT(help_, HasSubstr("[1 to 60000 ms; default 100]"));
  EXPECT_THAT(help_, HasSubstr("[exactly_once, at_least_once; default exactly_once]"));
}

TEST(Wrapped, BreaksAtSpaces) {
  EXPECT_EQ(wrapped("one two three", 7), "one two\nthree");
  EXPECT_EQ(wrapped("unbreakable", 3), "unbreakable");
}

}  // namespace millrace::engine::config_cli_test
