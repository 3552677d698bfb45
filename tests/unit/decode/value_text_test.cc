#include <array>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "crm/values/base64.h"
#include "crm/values/decimal_text.h"
#include "crm/values/time_text.h"

namespace millrace::crm::value_text_test {

TEST(DecimalText, OneTextANumber) {
  for (const auto& [text, canonical] :
       std::initializer_list<std::pair<const char*, const char*>>{{"5.00", "5"},
                                                                  {"005", "5"},
                                                                  {"-0", "0"},
                                                                  {"+1.50", "1.5"},
                                                                  {"1e3", "1000"},
                                                                  {"12.5E-1", "1.25"},
                                                                  {"-0.10", "-0.1"},
                                                                  {"1100", "1100"},
                                                                  {"0.0", "0"}}) {
    EXPECT_EQ(canonical_decimal(text), canonical) << text;
    EXPECT_TRUE(is_canonical_decimal(canonical)) << canonical;
  }
  for (const char* text : {"", "NaN", "1,000", "$5", " 5", ".5", "5.", "1e", "1e99", "--1", "0x1",
                           "1e+-5", "1e++5", "1e-+5"}) {
    EXPECT_EQ(canonical_decimal(text), std::nullopt) << text;
    EXPECT_FALSE(is_canonical_decimal(text)) << text;
  }
  for (const char* text : {"05", "5.0", "-0", "1e3", "+1", "00"}) {
    EXPECT_FALSE(is_canonical_decimal(text)) << text;
  }
}

TEST(DecimalText, OrderIsThatOfNumbers) {
  constexpr std::array kSorted{"-100", "-99.5", "-1", "-0.5", "0",
                               "0.05", "0.5",   "9",  "10",   "10.5"};
  for (size_t i = 0; i < kSorted.size(); ++i) {
    for (size_t j = 0; j < kSorted.size(); ++j) {
      EXPECT_EQ(compare_decimals(kSorted[i], kSorted[j]), i <=> j) << kSorted[i] << kSorted[j];
    }
  }
}

TEST(DecimalText, BytesOfConnectAreTwosComplement) {
  EXPECT_EQ(decimal_of_base64("BQ==", 0), "5");
  EXPECT_EQ(decimal_of_base64("AfQ=", 2), "5");
  EXPECT_EQ(decimal_of_base64("/w==", 1), "-0.1");
  EXPECT_EQ(decimal_of_base64("gA==", 0), "-128");
  EXPECT_EQ(decimal_of_base64("AA==", 3), "0");
  EXPECT_EQ(decimal_of_base64("BQ==", -2), "500");
  for (const char* text : {"", "5", "B Q=", "E4X*"}) {
    EXPECT_EQ(decimal_of_base64(text, 0), std::nullopt) << text;
  }
}

TEST(Base64, IsItsOwnInverse) {
  for (const std::string bytes : {"", "a", "ab", "abc", "\xff\xfe\x00z"}) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    EXPECT_EQ(from_base64(to_base64(bytes, true)), bytes);
  }
}

TEST(TimeText, DaysHaveOneText) {
  for (const auto& [text, day] : std::initializer_list<std::pair<const char*, const char*>>{
           {"2025-11-25", "2025-11-25"},
           {"2025-11-25Z", "2025-11-25"},
           {"2025-11-25+02:00", "2025-11-25"},
           {"20301231", "2030-12-31"},
           {"2030-12-31 00:00:00", "2030-12-31"},
           {"2025-11-25T01:00:00+02:00", "2025-11-24"},
           {"-6616", "1951-11-21"},
           {"1717113600000", "2024-05-31"},
           {"Infinity", "infinity"},
           {"-infinity", "-infinity"},
           {"+292278994-08-16Z", "infinity"},
           {"+10000-01-01T00:00:00Z", "infinity"},
           {"-622191234", "infinity"},
           {"9223372036825200000", "infinity"}}) {
    EXPECT_EQ(canonical_date(text), day) << text;
  }
  for (const char* text : {"31.12.2030", "20301331", "1717113600", "1717113600000000", "2025-02-30",
                           "2025-11-25X", "soon", "", "0000-01-01", "20251125-100000",
                           "20251125-10:00", "12345-678901", "12345-06-7x"}) {
    EXPECT_EQ(canonical_date(text), std::nullopt) << text;
  }
}

TEST(TimeText, MomentsNeedAnOffsetAndAPlausibleUnit) {
  EXPECT_EQ(canonical_moment("2025-11-25T10:00:00.2500+02:00"), "2025-11-25T08:00:00.25Z");
  EXPECT_EQ(canonical_moment("2025-11-25 23:30:00-01:00"), "2025-11-26T00:30:00Z");
  EXPECT_EQ(canonical_moment("1767264780123"), "2026-01-01T10:53:00.123Z");
  EXPECT_EQ(canonical_moment("infinity"), "infinity");
  for (const char* text : {"2025-11-25", "2025-11-25T10:00:00", "20301231", "0", "1767264780"}) {
    EXPECT_EQ(canonical_moment(text), std::nullopt) << text;
  }
}

TEST(TimeText, DeclaredUnitsRefuseNumbersOfAnother) {
  const TimeNumbers us{TimeUnit::kMicroseconds};
  EXPECT_EQ(canonical_moment("1767264780123456", us), "2026-01-01T10:53:00.123456Z");
  EXPECT_EQ(canonical_moment("1767264780123", us), std::nullopt) << "ms";
  EXPECT_EQ(canonical_moment("1767264780123456789", us), std::nullopt) << "ns";
  EXPECT_EQ(canonical_date("20301231", {TimeUnit::kDays}), std::nullopt) << "YYYYMMDD";
  EXPECT_EQ(canonical_moment("1000", {TimeUnit::kMilliseconds, true}), "1970-01-01T00:00:01Z");
  EXPECT_EQ(canonical_moment("-1", {TimeUnit::kNanoseconds, true}),
            "1969-12-31T23:59:59.999999999Z");
}

TEST(TimeText, NumbersAtTheEndsOfTheirTypeAreTimesOrRefused) {
  // The highest number is one of the infinities, and so are the lowest and some near it.
  EXPECT_EQ(canonical_moment("9223372036854775806", {TimeUnit::kNanoseconds, true}),
            "2262-04-11T23:47:16.854775806Z");
  EXPECT_EQ(canonical_moment("-9223372036854775807", {TimeUnit::kNanoseconds, true}),
            "1677-09-21T00:12:43.145224193Z");
  for (const TimeUnit unit : {TimeUnit::kUnsaid, TimeUnit::kDays, TimeUnit::kSeconds,
                              TimeUnit::kMilliseconds, TimeUnit::kMicroseconds}) {
    for (const char* text : {"9223372036854775806", "-9223372036854775807"}) {
      EXPECT_EQ(canonical_date(text, {unit, true}), std::nullopt) << text;
      EXPECT_EQ(canonical_moment(text, {unit, true}), std::nullopt) << text;
    }
  }
}

TEST(TimeText, NumbersOfTexts) {
  EXPECT_EQ(day_in("2024-05-31"), 19'874);
  EXPECT_EQ(day_in("infinity"), kDayInfinity);
  EXPECT_EQ(moment_in("2024-05-31T00:00:00.250Z"), 1'717'113'600'250);
  EXPECT_EQ(moment_us_in("2024-05-31T00:00:00.250001Z"), 1'717'113'600'250'001);
  EXPECT_EQ(moment_in("-infinity"), kMomentMinusInfinity);
}

}  // namespace millrace::crm::value_text_test
