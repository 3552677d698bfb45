// Rows whose changes come from several logs.
#include "crm/model/logged_row.h"

#include <algorithm>
#include <array>
#include <map>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "row_oracle.h"

namespace millrace::crm::logged_row_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

VersionView in_log(std::string_view log, std::string_view position, int64_t ms) {
  return {.commit_timestamp_ms = ms, .log = log, .position = log.empty() ? "" : position};
}

ChangeView update(VersionView version, std::string_view name, std::string_view value) {
  return {.id = "s:a", .version = version, .fields = {{name, value, version}}};
}

LoggedRow merged(const std::vector<ChangeView>& changes) {
  LoggedRow row{.row = {.id = "s:a"}};
  for (const ChangeView& one : changes) EXPECT_TRUE(merge_change(row, one).ok());
  return row;
}

std::string_view value_of(const LoggedRow& row, std::string_view name) {
  const auto found = std::ranges::find(row.row.fields, name, &FieldView::name);
  return found == row.row.fields.end() ? "none" : found->value.value_or("null");
}

TEST(LoggedRow, PositionDecidesWithinALogWhateverTheClock) {
  const ChangeView first = update(in_log("pg", "1", 2'000), "city", "Bonn");
  const ChangeView second = update(in_log("pg", "2", 1'000), "city", "Ulm");
  EXPECT_EQ(value_of(merged({first, second}), "city"), "Ulm");
  EXPECT_EQ(value_of(merged({second, first}), "city"), "Ulm");
  EXPECT_THAT(merged({first, second}).logs, IsEmpty());
}

TEST(LoggedRow, ClockOfTheLatestOfEachLogDecidesBetweenLogs) {
  std::vector<ChangeView> changes{update(in_log("pg", "1", 1'000), "city", "old clock"),
                                  update(in_log("pg", "2", 500), "city", "stepped back"),
                                  update(in_log("", "", 700), "city", "no log")};
  std::ranges::sort(changes, {}, &ChangeView::version);
  do {
    EXPECT_EQ(value_of(merged(changes), "city"), "no log");
  } while (std::ranges::next_permutation(changes, {}, &ChangeView::version).found);
}

TEST(LoggedRow, FullImageOfOneLogRemovesOlderFieldsOfAnother) {
  ChangeView image = update(in_log("new", "1", 2'000), "name", "A");
  image.full_image = true;
  const ChangeView old_field = update(in_log("old", "9", 1'000), "fax", "1");
  const ChangeView new_field = update(in_log("old", "9", 3'000), "fax", "1");
  EXPECT_EQ(value_of(merged({image, old_field}), "fax"), "none");
  EXPECT_EQ(value_of(merged({new_field, image}), "fax"), "1");
}

TEST(LoggedRow, HoleOfOneLogIsClosedByALaterValueOfAnother) {
  ChangeView image = update(in_log("a", "1", 2'000), "name", "A");
  image.full_image = true;
  image.unchanged_fields = {"notes"};
  const ChangeView earlier = update(in_log("b", "1", 1'000), "notes", "old");
  const ChangeView later = update(in_log("b", "2", 3'000), "notes", "new");
  const ChangeView other = update(in_log("b", "2", 3'000), "city", "Bonn");
  EXPECT_THAT(merged({image, other}).row.unknown_fields(), ElementsAre("notes"));
  EXPECT_EQ(value_of(merged({image, earlier}), "notes"), "old");
  EXPECT_FALSE(merged({image, earlier}).row.incomplete());
  EXPECT_FALSE(merged({image, later}).row.incomplete());
  EXPECT_EQ(merged({image, earlier, later}), merged({later, earlier, image}));
}

TEST(LoggedRow, GapIsClosedByALaterImageOfAnotherLog) {
  ChangeView gap{.id = "s:a", .type = ChangeType::Gap, .version = in_log("a", "5", 1'000)};
  ChangeView image = update(in_log("b", "1", 2'000), "name", "A");
  image.full_image = true;
  EXPECT_FALSE(merged({image, gap}).row.incomplete());
  gap.version.commit_timestamp_ms = 3'000;
  EXPECT_TRUE(merged({image, gap}).row.incomplete());
}

TEST(LoggedRow, CreateIsLaterThanTheDeleteOfItsPosition) {
  const ChangeView gone{
      .id = "s:a", .type = ChangeType::Delete, .version = in_log("ms", "1", 1'000)};
  ChangeView created = update(in_log("ms", "1", 1'000), "tax_no", "X-2");
  created.type = ChangeType::Create;
  created.full_image = true;
  EXPECT_EQ(merged({gone, created}).row.status, RowStatus::Live);
  EXPECT_EQ(merged({created, gone}).row.status, RowStatus::Live);
}

TEST(LoggedRow, ErasureLeavesTheLogsWithLaterChanges) {
  LoggedRow row = merged({update(in_log("a", "1", 1'000), "city", "Bonn"),
                          update(in_log("b", "1", 2'000), "city", "Ulm")});
  EXPECT_EQ(row.logs.size(), 2U);
  EXPECT_TRUE(erase_through(row, 1'500));
  EXPECT_EQ(row, merged({update(in_log("b", "1", 2'000), "city", "Ulm")}));
}

TEST(LoggedRow, TooManyLogsAreRefusedAndLeaveTheRow) {
  LoggedRow row{.row = {.id = "s:a"}};
  std::vector<std::string> names;
  for (size_t i = 0; i <= kRowLogsMax; ++i) names.push_back("log" + std::to_string(100 + i));
  for (size_t i = 0; i < kRowLogsMax; ++i) {
    ASSERT_TRUE(merge_change(row, update(in_log(names[i], "1", 1), "a", "x")).ok());
  }
  const LoggedRow before = row;
  EXPECT_EQ(merge_change(row, update(in_log(names.back(), "1", 1), "a", "x")).code(),
            ErrorCode::kInvalidRecord);
  EXPECT_EQ(row, before);
}

/// The row by the definition: what each log says, and of that the latest by the clock.
RowView combined_oracle(const std::vector<ChangeView>& changes) {
  std::map<std::string_view, std::vector<ChangeView>> logs;
  for (const ChangeView& one : changes) logs[one.version.log].push_back(one);
  std::vector<RowView> rows;
  for (const auto& [log, of_log] : logs) rows.push_back(row_oracle("s:a", of_log));
  RowView row{.id = "s:a"};
  std::map<std::string_view, std::vector<FieldView>> said;
  std::optional<VersionView> gap_or_image;
  for (const RowView& log : rows) {
    if (log.existence_version &&
        (!row.existence_version ||
         is_before_by_clock(*row.existence_version, *log.existence_version))) {
      row.existence_version = log.existence_version;
      row.status = log.status;
    }
    const auto latest = std::max(log.full_image_version, log.gap_version);
    if (latest && (!gap_or_image || is_before_by_clock(*gap_or_image, *latest))) {
      gap_or_image = latest;
      row.full_image_version = log.full_image_version;
      row.gap_version = log.gap_version;
    }
    for (const std::string_view name : {"a", "b", "c"}) {
      const auto field = std::ranges::find(log.fields, name, &FieldView::name);
      if (field != log.fields.end()) {
        said[name].push_back(*field);
      } else if (log.full_image_version) {
        said[name].push_back({"left out", std::nullopt, *log.full_image_version});
      }
    }
  }
  for (const auto& [name, fields] : said) {
    const FieldView latest =
        *std::ranges::max_element(fields, is_before_by_clock, &FieldView::version);
    if (latest.name == name) row.fields.push_back(latest);
  }
  return row;
}

TEST(LoggedRow, OfAChangelogHasEachLogOnceByName) {
  const auto is_accepted = [](std::vector<RowView> logs) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(write_row(builder, LoggedRow{.row = {.id = "s:a"}, .logs = std::move(logs)}));
    return check_logs(*flatbuffers::GetRoot<AccountRow>(builder.GetBufferPointer())).ok();
  };
  const RowView pg = merged({update(in_log("pg", "1", 1), "city", "Bonn")}).row;
  const RowView my = merged({update(in_log("my", "1", 1), "city", "Ulm")}).row;
  EXPECT_TRUE(is_accepted({}));
  EXPECT_TRUE(is_accepted({my, pg}));
  EXPECT_FALSE(is_accepted({pg, my}));
  EXPECT_FALSE(is_accepted({pg, pg}));
  EXPECT_FALSE(is_accepted({RowView{.id = "s:a"}, pg})) << "a log of which nothing is known";
}

TEST(LoggedRowProperty, IsAFunctionOfTheSetOfChanges) {
  constexpr std::array<std::string_view, 6> kPositions{"1", "2", "3", "4", "5", "6"};
  for (uint32_t seed = 0; seed < 20'000; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](size_t n) {
      return std::uniform_int_distribution<size_t>(0, n)(random);
    };
    std::vector<ChangeView> changes(up_to(12) + 1);
    for (ChangeView& one : changes) {
      one.id = "s:a";
      one.type = static_cast<ChangeType>(up_to(4));
      one.version = in_log(std::array{"", "a", "b"}[up_to(2)], kPositions[up_to(5)],
                           static_cast<int64_t>(up_to(5)));
      const bool has_fields = one.type != ChangeType::Delete && one.type != ChangeType::Gap;
      one.full_image = has_fields && (one.type != ChangeType::Update || up_to(3) == 0);
      for (const std::string_view name : {"a", "b", "c"}) {
        if (!has_fields || up_to(1) == 0) continue;
        one.fields.push_back({name, std::array{"x", "y", "z"}[up_to(2)], one.version});
      }
    }
    const LoggedRow expected = merged(changes);
    ASSERT_EQ(expected.row, combined_oracle(changes)) << "seed " << seed;
    for (size_t i = up_to(4); i > 0; --i) changes.push_back(changes[up_to(changes.size() - 1)]);
    std::ranges::shuffle(changes, random);
    ASSERT_EQ(merged(changes), expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace millrace::crm::logged_row_test
