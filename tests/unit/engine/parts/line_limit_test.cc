#include "engine/base/line_limit.h"

#include <sstream>

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "engine/testing/manual_clock.h"

namespace millrace::engine::line_limit_test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LineLimitTest : public ::testing::Test {
 protected:
  LineLimitTest() {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_)));
  }
  ~LineLimitTest() override { spdlog::set_default_logger(logger_); }

  uint64_t allowed(std::string_view kind, int lines) {
    uint64_t count = 0;
    for (int i = 0; i < lines; ++i) count += limit_.allows(kind) ? 1 : 0;
    return count;
  }

  testing::ManualClock clock_{1'700'000'000'000};
  LineLimit limit_{clock_};
  std::ostringstream log_;

 private:
  const std::shared_ptr<spdlog::logger> logger_ = spdlog::default_logger();
};

TEST_F(LineLimitTest, LogsTheFirstLinesOfAKindInEveryMinuteAndTheNumberOfTheOthers) {
  EXPECT_EQ(allowed("skipped", 100), LineLimit::kLinesMax);
  EXPECT_EQ(allowed("dropped", 3), 3U);
  limit_.tell_left_out();
  EXPECT_THAT(log_.str(), IsEmpty()) << "the minute is not over";
  clock_.advance(60'000);
  EXPECT_EQ(allowed("skipped", 1), 1U);
  EXPECT_THAT(log_.str(), HasSubstr("kind=\"skipped\" lines=80"));
  limit_.tell_left_out();
  EXPECT_THAT(log_.str(), Not(HasSubstr("dropped"))) << "none of it was left out";
}

TEST_F(LineLimitTest, TellsTheNumberAlsoWhenNoOtherLineFollows) {
  allowed("skipped", 21);
  clock_.advance(60'000);
  limit_.tell_left_out();
  EXPECT_THAT(log_.str(), HasSubstr("kind=\"skipped\" lines=1"));
  log_.str("");
  limit_.tell_left_out();
  EXPECT_THAT(log_.str(), IsEmpty());
  allowed("skipped", 22);
  limit_.tell_left_out(true);
  EXPECT_THAT(log_.str(), HasSubstr("kind=\"skipped\" lines=2"));
}

}  // namespace millrace::engine::line_limit_test
