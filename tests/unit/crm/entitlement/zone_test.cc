#include "crm/entitlement/zone.h"

#include <gtest/gtest.h>

#include "oracle.h"

namespace millrace::crm::zone_test {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;

TEST(Zone, UtcUnlessFound) {
  EXPECT_EQ(Zone().start_of_day_ms(20'000), 20'000 * kDayMs);
  EXPECT_EQ(Zone().day_of(-1), -1);
  EXPECT_EQ(Zone::find("UTC")->start_of_day_ms(-3), -3 * kDayMs);
}

TEST(Zone, NamesThatTzdataDoesNotListAreUnknown) {
  for (const char* name : {"", "Mars/Olympus", "../../../etc/passwd", "/etc/localtime",
                           "posix/Europe/Berlin", "zone.tab"}) {
    EXPECT_FALSE(Zone::find(name)) << name;
  }
}

TEST(Zone, DayBeginsAfterTheGapWhereMidnightIsSkipped) {
  constexpr int32_t kFirstSummerDay = 17839;  // 2018-11-04
  const Zone zone = *Zone::find("America/Sao_Paulo");
  EXPECT_EQ(zone.start_of_day_ms(kFirstSummerDay), kFirstSummerDay * kDayMs + 3 * kHourMs);
  EXPECT_EQ(zone.start_of_day_ms(kFirstSummerDay + 1) - zone.start_of_day_ms(kFirstSummerDay),
            23 * kHourMs);
}

TEST(Zone, SkippedDayIsEmpty) {
  constexpr int32_t kNeverInSamoa = 15338;  // 2011-12-30
  const Zone zone = *Zone::find("Pacific/Apia");
  EXPECT_EQ(zone.start_of_day_ms(kNeverInSamoa), zone.start_of_day_ms(kNeverInSamoa + 1));
}

TEST(Zone, DaysAreThoseOfTheCLibrarysClock) {
  constexpr int32_t kStep = 7;
  for (const char* name : {"Europe/Berlin", "America/New_York", "America/St_Johns",
                           "America/Sao_Paulo", "Africa/Cairo", "Asia/Tehran", "Pacific/Apia",
                           "Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana"}) {
    const Zone zone = *Zone::find(name);
    for (int32_t day = 14'680; day < 15'020; day += kStep) {
      const int64_t start_ms = zone.start_of_day_ms(day);
      ASSERT_EQ(start_ms, clock_start_of_day(name, day)) << name << " day " << day;
      const bool is_skipped = zone.start_of_day_ms(day + 1) == start_ms;
      ASSERT_EQ(zone.day_of(start_ms), is_skipped ? day + 1 : day) << name << " day " << day;
      ASSERT_EQ(zone.day_of(start_ms - 1), clock_day_of(name, start_ms - 1)) << name;
    }
  }
}

}  // namespace millrace::crm::zone_test
