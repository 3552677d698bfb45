#include "crm/model/account_row.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "row_oracle.h"

namespace millrace::crm::account_row_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

VersionView at(int64_t ms) {
  return {ms, 0, ""};
}

ChangeView change(ChangeType type, int64_t ms,
                  std::vector<std::pair<std::string_view, std::optional<std::string_view>>> fields,
                  bool full_image = false) {
  ChangeView view{.id = "s:a", .type = type, .version = at(ms)};
  view.full_image = full_image || type == ChangeType::Create || type == ChangeType::Undelete;
  for (const auto& [name, value] : fields) view.fields.push_back({name, value, view.version});
  return view;
}

RowView merged(const std::vector<ChangeView>& changes) {
  RowView row{.id = "s:a"};
  for (const ChangeView& one : changes) EXPECT_TRUE(merge_change(row, one).ok());
  return row;
}

FieldView field(std::string_view name, std::optional<std::string_view> value, int64_t ms) {
  return {name, value, at(ms)};
}

TEST(AccountRow, LateChangeOfOneFieldAppliesAfterANewerChangeOfAnother) {
  const RowView row = merged({change(ChangeType::Create, 1, {{"city", "Bonn"}, {"name", "A"}}),
                              change(ChangeType::Update, 3, {{"name", "C"}}),
                              change(ChangeType::Update, 2, {{"city", "Ulm"}, {"name", "B"}})});
  EXPECT_THAT(row.fields, ElementsAre(field("city", "Ulm", 2), field("name", "C", 3)));
}

TEST(AccountRow, NullIsAValue) {
  const RowView row = merged({change(ChangeType::Update, 2, {{"city", std::nullopt}}),
                              change(ChangeType::Create, 1, {{"city", "Bonn"}})});
  EXPECT_THAT(row.fields, ElementsAre(field("city", std::nullopt, 2)));
}

TEST(AccountRow, DuplicateChangesNothing) {
  const ChangeView create = change(ChangeType::Create, 1, {{"name", "A"}});
  RowView row = merged({create});
  EXPECT_FALSE(*merge_change(row, create));
}

TEST(AccountRow, UpdateOlderThanTheDeleteLeavesItDeletedButIsKept) {
  RowView row =
      merged({change(ChangeType::Create, 1, {{"name", "A"}}), change(ChangeType::Delete, 3, {}),
              change(ChangeType::Update, 2, {{"name", "B"}})});
  EXPECT_EQ(row.status, RowStatus::Deleted);
  EXPECT_EQ(row.existence_version, at(3));
  EXPECT_TRUE(*merge_change(row, change(ChangeType::Update, 4, {{"city", "Ulm"}})));
  EXPECT_EQ(row.status, RowStatus::Live);
  EXPECT_THAT(row.fields, ElementsAre(field("city", "Ulm", 4), field("name", "B", 2)));
}

TEST(AccountRow, UndeleteIsAFullImage) {
  const RowView row =
      merged({change(ChangeType::Create, 1, {{"city", "Bonn"}, {"name", "A"}}),
              change(ChangeType::Delete, 2, {}), change(ChangeType::Undelete, 3, {{"name", "A"}})});
  EXPECT_EQ(row.status, RowStatus::Live);
  EXPECT_THAT(row.fields, ElementsAre(field("name", "A", 3)));
}

TEST(AccountRow, FieldOlderThanAFullImageWithoutItStaysAway) {
  const RowView row = merged({change(ChangeType::Update, 5, {{"name", "A"}}, true),
                              change(ChangeType::Update, 4, {{"city", "Bonn"}}),
                              change(ChangeType::Update, 6, {{"zip", "1"}})});
  EXPECT_THAT(row.fields, ElementsAre(field("name", "A", 5), field("zip", "1", 6)));
}

TEST(AccountRow, GapMarksTheRowUntilAFullImage) {
  RowView row =
      merged({change(ChangeType::Create, 1, {{"name", "A"}}), change(ChangeType::Gap, 2, {})});
  EXPECT_TRUE(row.incomplete());
  EXPECT_TRUE(*merge_change(row, change(ChangeType::Update, 3, {{"name", "B"}})));
  EXPECT_TRUE(row.incomplete());
  EXPECT_TRUE(*merge_change(row, change(ChangeType::Update, 4, {{"name", "B"}}, true)));
  EXPECT_FALSE(row.incomplete());
}

TEST(AccountRow, GapWithThePartialUpdateItBelongsToLeavesTheRowIncomplete) {
  const RowView row =
      merged({change(ChangeType::Create, 1, {{"name", "A"}, {"text", "old"}}),
              change(ChangeType::Gap, 2, {}), change(ChangeType::Update, 2, {{"name", "B"}})});
  EXPECT_TRUE(row.incomplete());
  EXPECT_THAT(row.fields, ElementsAre(field("name", "B", 2), field("text", "old", 1)));
}

TEST(AccountRow, GapOlderThanTheFullImageIsClosedWhenItComes) {
  const RowView row =
      merged({change(ChangeType::Undelete, 3, {{"name", "A"}}), change(ChangeType::Gap, 2, {})});
  EXPECT_FALSE(row.incomplete());
  EXPECT_EQ(row.gap_version, at(2));
}

TEST(AccountRow, DeleteOlderThanTheUndeleteLeavesItLive) {
  const RowView row =
      merged({change(ChangeType::Undelete, 3, {{"name", "A"}}), change(ChangeType::Delete, 2, {})});
  EXPECT_EQ(row.status, RowStatus::Live);
  EXPECT_EQ(row.existence_version, at(3));
}

TEST(AccountRow, OnlyAGapIsAnAccountOfUnknownStatus) {
  const RowView row = merged({change(ChangeType::Gap, 2, {})});
  EXPECT_EQ(row.status, RowStatus::Unknown);
  EXPECT_TRUE(row.incomplete());
}

ChangeView with_holes(ChangeView view, std::vector<std::string_view> unknown,
                      std::vector<std::string_view> unchanged = {}) {
  view.unknown_fields = std::move(unknown);
  view.unchanged_fields = std::move(unchanged);
  return view;
}

TEST(AccountRow, UnchangedFieldKeepsItsValueAndOthersGoWithTheFullImage) {
  const RowView row =
      merged({change(ChangeType::Create, 1, {{"name", "A"}, {"notes", "N"}, {"old", "x"}}),
              with_holes(change(ChangeType::Update, 2, {{"name", "B"}}, true), {}, {"notes"})});
  EXPECT_THAT(row.fields, ElementsAre(field("name", "B", 2), field("notes", "N", 1)));
  EXPECT_FALSE(row.incomplete());
}

TEST(AccountRow, HoleWithoutAValueIsNamedUntilOneComes) {
  RowView row =
      merged({with_holes(change(ChangeType::Update, 2, {{"name", "B"}}, true), {}, {"notes"})});
  EXPECT_THAT(row.unknown_fields(), ElementsAre("notes"));
  EXPECT_TRUE(row.incomplete());
  EXPECT_TRUE(*merge_change(row, change(ChangeType::Update, 1, {{"notes", "late"}})));
  EXPECT_FALSE(row.incomplete());
}

TEST(AccountRow, CreateWithAHoleDoesNotTakeTheOldValue) {
  RowView row = merged({change(ChangeType::Create, 1, {{"notes", "of another life"}}),
                        with_holes(change(ChangeType::Create, 3, {{"name", "B"}}), {"notes"})});
  EXPECT_THAT(row.fields, ElementsAre(field("name", "B", 3)));
  EXPECT_THAT(row.unknown_fields(), ElementsAre("notes"));
  EXPECT_TRUE(*merge_change(row, change(ChangeType::Update, 4, {{"notes", std::nullopt}})));
  EXPECT_FALSE(row.incomplete());
}

TEST(AccountRow, RefusedValueLeavesTheOldOneAndIsNamed) {
  const RowView row = merged({change(ChangeType::Create, 1, {{"end", "1"}}),
                              with_holes(change(ChangeType::Update, 2, {}), {"end"})});
  EXPECT_THAT(row.fields, ElementsAre(field("end", "1", 1)));
  EXPECT_TRUE(row.is_unknown("end"));
}

TEST(AccountRow, HoleOfACompoundIsThatOfItsParts) {
  const RowView row = merged({change(ChangeType::Create, 1, {{"attrs.a", "1"}, {"b", "x"}}),
                              with_holes(change(ChangeType::Update, 2, {}, true), {}, {"attrs"})});
  EXPECT_THAT(row.fields, ElementsAre(field("attrs.a", "1", 1)));
  EXPECT_FALSE(row.incomplete());
}

TEST(AccountRow, WholeAndPartsReplaceEachOther) {
  const ChangeView parts = change(ChangeType::Update, 1, {{"HQ.City", "Bonn"}, {"HQ.Zip", "1"}});
  const ChangeView null = change(ChangeType::Update, 2, {{"HQ", std::nullopt}});
  const ChangeView later = change(ChangeType::Update, 3, {{"HQ.City", "Ulm"}});
  EXPECT_THAT(merged({null, parts}).fields, ElementsAre(field("HQ", std::nullopt, 2)));
  EXPECT_THAT(merged({later, null, parts}).fields,
              ElementsAre(field("HQ", std::nullopt, 2), field("HQ.City", "Ulm", 3)));
  EXPECT_THAT(merged({change(ChangeType::Update, 2, {{"HQ", "Bonn"}}), later}).fields,
              ElementsAre(field("HQ", std::nullopt, 2), field("HQ.City", "Ulm", 3)));
}

TEST(AccountRow, HolesAndWholesAreAFunctionOfTheSetOfChanges) {
  std::mt19937 random(7);  // NOLINT(bugprone-random-generator-seed): the same each time
  const auto below = [&random](size_t count) { return static_cast<size_t>(random() % count); };
  const std::vector<std::string_view> names{"a", "a.x", "a.y", "b", "c"};
  for (int round = 0; round < 3'000; ++round) {
    std::vector<ChangeView> changes;
    for (int64_t ms = 1; ms <= 5; ++ms) {
      ChangeView one =
          change(below(4) == 0 ? ChangeType::Create : ChangeType::Update, ms, {}, below(2) == 0);
      for (const std::string_view name : names) {
        const size_t choice = below(5);
        if (choice == 0) one.fields.push_back({name, "v", one.version});
        if (choice == 1) one.fields.push_back({name, std::nullopt, one.version});
        if (choice == 2) one.unknown_fields.push_back(name);
        // A source leaves out whole columns, and parts are in none of the others.
        if (choice == 3 && one.full_image && one.type == ChangeType::Update && name.size() == 1) {
          one.unchanged_fields.push_back(name);
        }
      }
      changes.push_back(one);
    }
    const RowView in_order = merged(changes);
    std::ranges::shuffle(changes, random);
    changes.push_back(changes[below(5)]);
    ASSERT_EQ(merged(changes), in_order) << round;
  }
}

TEST(AccountRow, TooManyFieldsAreRefusedAndLeaveTheRow) {
  std::vector<std::string> names(kRowFieldsMax + 1);
  ChangeView large = change(ChangeType::Update, 1, {});
  for (size_t i = 0; i < names.size(); ++i) {
    names[i] = "f" + std::to_string(10'000 + i);
    large.fields.push_back(field(names[i], "x", 1));
  }
  RowView row{.id = "s:a"};
  EXPECT_EQ(merge_change(row, large).code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ(row, RowView{.id = "s:a"});
}

TEST(AccountRow, StaysTheSameThroughItsBytes) {
  const RowView row = merged(
      {change(ChangeType::Create, 1, {{"city", ""}, {"name", "A"}}), change(ChangeType::Gap, 2, {}),
       with_holes(change(ChangeType::Update, 3, {{"zip", std::nullopt}}, true), {"notes"},
                  {"city"})});
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(write_row(builder, row));
  EXPECT_EQ(read_row(*flatbuffers::GetRoot<AccountRow>(builder.GetBufferPointer())), row);
}

Result<ChangeView> read(const AccountChangeT& change, flatbuffers::FlatBufferBuilder& builder) {
  builder.Finish(AccountChange::Pack(builder, &change));
  return read_change(*flatbuffers::GetRoot<AccountChange>(builder.GetBufferPointer()));
}

AccountChangeT change_object(std::initializer_list<const char*> names) {
  AccountChangeT object;
  object.id = "ror:a";
  object.version = std::make_unique<VersionT>();
  for (const char* name : names) {
    object.fields.push_back(std::make_unique<FieldValueT>());
    object.fields.back()->name = name;
  }
  return object;
}

TEST(ReadChange, SortsFields) {
  flatbuffers::FlatBufferBuilder builder;
  const auto change = read(change_object({"b", "a"}), builder);
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->fields.front().name, "a");
  EXPECT_TRUE(change->full_image);
}

TEST(ReadChange, RefusesTwoValuesOfOneFieldAndBadIds) {
  flatbuffers::FlatBufferBuilder first;
  EXPECT_EQ(read(change_object({"b", "a", "b"}), first).code(), ErrorCode::kInvalidRecord);
  flatbuffers::FlatBufferBuilder second;
  AccountChangeT bad_id = change_object({});
  bad_id.id = "a";
  EXPECT_EQ(read(bad_id, second).code(), ErrorCode::kInvalidRecord);
  flatbuffers::FlatBufferBuilder third;
  AccountChangeT bad_type = change_object({});
  bad_type.change_type = static_cast<ChangeType>(99);
  EXPECT_EQ(read(bad_type, third).code(), ErrorCode::kInvalidRecord);
}

TEST(AccountRowProperty, IsAFunctionOfTheSetOfChanges) {
  for (uint32_t seed = 0; seed < 20'000; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](size_t n) {
      return std::uniform_int_distribution<size_t>(0, n)(random);
    };
    const size_t versions = up_to(9);
    std::vector<ChangeView> changes(up_to(12) + 1);
    for (ChangeView& one : changes) {
      one = change(static_cast<ChangeType>(up_to(4)), static_cast<int64_t>(up_to(versions)), {},
                   up_to(3) == 0);
      if (one.type == ChangeType::Delete || one.type == ChangeType::Gap) {
        one.full_image = false;
        continue;
      }
      for (const std::string_view name : {"a", "b", "c"}) {
        if (up_to(1) == 0) continue;
        std::optional<std::string_view> value;
        if (up_to(3) != 0) value = std::array{"x", "y", "z"}[up_to(2)];
        one.fields.push_back({name, value, one.version});
      }
    }
    const RowView expected = row_oracle("s:a", changes);
    ASSERT_EQ(merged(changes), expected) << "seed " << seed;
    for (size_t i = up_to(4); i > 0; --i) changes.push_back(changes[up_to(changes.size() - 1)]);
    std::ranges::shuffle(changes, random);
    ASSERT_EQ(merged(changes), expected) << "seed " << seed;
  }
}

}  // namespace millrace::crm::account_row_test
