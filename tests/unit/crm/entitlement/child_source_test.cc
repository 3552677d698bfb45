#include "crm/entitlement/child_source.h"

#include <map>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crm/children/child_projection.h"
#include "crm/entitlement/field_text.h"
#include "crm/entitlement/grant_field.h"
#include "crm/values/time_text.h"

namespace millrace::crm::child_source_test {

using ::testing::HasSubstr;

constexpr int32_t kDay = 19'874;  // 2024-05-31

TEST(FieldText, DaysAndMomentsAsSourcesWriteThem) {
  EXPECT_EQ(day_in("2024-05-31"), kDay);
  EXPECT_EQ(day_in("19874"), kDay);
  EXPECT_EQ(day_in("1717113600000"), kDay);
  EXPECT_EQ(day_in("2024-05-31T23:59:59.999Z"), kDay);
  EXPECT_EQ(day_in("2024-05-31T01:00:00+0200"), kDay - 1);
  EXPECT_EQ(moment_in("2024-05-31T00:00:00.250Z"), 1'717'113'600'250);
  EXPECT_EQ(moment_in("2024-05-31T02:00:00.000+02:00"), 1'717'113'600'000);
  EXPECT_EQ(moment_in("1717113600250"), 1'717'113'600'250);
  for (const char* text : {"2024-02-30", "soon", "2024-05-31 later", "", "9999999999999999"}) {
    EXPECT_EQ(day_in(text), std::nullopt) << text;
  }
  for (const char* text : {"2024-05-31", "10:00", "1.5"}) {
    EXPECT_EQ(moment_in(text), std::nullopt) << text;
  }
}

class ChildSource : public ::testing::Test {
 protected:
  using Fields = std::map<std::string, std::string>;

  /// Of the whole row and of the part that travels, which must not differ.
  static Result<GrantSourceT> source_of(ChildKind kind, const Fields& fields,
                                        const std::string& unknown = "") {
    ChildUpdateT update;
    update.root = "erp:1";
    update.account = "erp:1";
    update.kind = kind;
    update.child = "erp:17";
    update.version = std::make_unique<VersionT>();
    update.version->commit_timestamp_ms = 5;
    update.row = std::make_unique<AccountRowT>();
    update.row->id = update.child;
    for (const auto& [name, value] : fields) {
      auto field = std::make_unique<RowFieldT>();
      field->name = name;
      field->value = value;
      field->version = std::make_unique<VersionT>();
      update.row->fields.push_back(std::move(field));
    }
    if (!unknown.empty()) {
      update.row->holes.push_back(std::make_unique<RowHoleT>());
      update.row->holes.back()->name = unknown;
      update.row->holes.back()->unknown_version = std::make_unique<VersionT>();
    }
    const Result<std::string> whole = source_bytes(update);
    project_row(update);
    const Result<std::string> projected = source_bytes(update);
    EXPECT_EQ(whole.ok(), projected.ok());
    if (!whole.ok()) {
      EXPECT_EQ(whole.message(), projected.message());
      return whole.status();
    }
    EXPECT_EQ(*whole, *projected);
    GrantSourceT unpacked;
    flatbuffers::GetRoot<GrantSource>(whole->data())->UnPackTo(&unpacked);
    return unpacked;
  }

 private:
  static Result<std::string> source_bytes(const ChildUpdateT& update) {
    flatbuffers::FlatBufferBuilder bytes;
    bytes.Finish(ChildUpdate::Pack(bytes, &update));
    flatbuffers::FlatBufferBuilder written;
    const auto source =
        write_grant_source(written, *flatbuffers::GetRoot<ChildUpdate>(bytes.GetBufferPointer()));
    if (!source.ok()) return source.status();
    written.Finish(*source);
    return std::string(Bytes(written.GetBufferPointer(), written.GetSize()).view());
  }

  static void project_row(ChildUpdateT& update) {
    flatbuffers::FlatBufferBuilder whole;
    whole.Finish(AccountRow::Pack(whole, update.row.get()));
    const auto& row = *flatbuffers::GetRoot<AccountRow>(whole.GetBufferPointer());
    const ChildProjection projection = project(row, update.kind);
    flatbuffers::FlatBufferBuilder written;
    const auto id = written.CreateString(update.child);
    written.Finish(write_projection(written, id, projection, CreateVersion(written)));
    const auto& projected = *flatbuffers::GetRoot<AccountRow>(written.GetBufferPointer());
    EXPECT_EQ(project(projected, update.kind), projection);
    projected.UnPackTo(update.row.get());
  }
};

TEST_F(ChildSource, FieldsBecomeWhatTheDeriverTakes) {
  const auto source = source_of(ChildKind::ContractLine, {{"status", "Draft"},
                                                          {"start_date", "2024-05-31"},
                                                          {"end_date", "2024-06-30"},
                                                          {"suspended_from_date", "2024-06-10"},
                                                          {"suspended_to_date", "2024-06-12"},
                                                          {"terminated_time", "1717113600250"},
                                                          {"contract_id", "erp:17"},
                                                          {"asset_id", "erp:4"},
                                                          {"quantity", "5"},
                                                          {"product", "P1"},
                                                          {"precedence", "Trial"},
                                                          {"feature", "seats"},
                                                          {"feature_kind", "quantity_sum"},
                                                          {"amount", "2"},
                                                          {"per_unit", "true"},
                                                          {"grace_days", "7"}});
  ASSERT_TRUE(source.ok()) << source.message();
  EXPECT_EQ(source->id, "erp:contract_line/17");
  EXPECT_EQ(source->kind, GrantSourceKind::ContractLine);
  EXPECT_EQ(source->status, GrantSourceStatus::Draft);
  EXPECT_EQ(source->precedence, Precedence::Trial);
  EXPECT_EQ(source->version->commit_timestamp_ms, 5);
  EXPECT_EQ(source->period->start_date, kDay);
  EXPECT_EQ(source->period->end_date, kDay + 30);
  ASSERT_EQ(source->suspensions.size(), 1U);
  EXPECT_EQ(source->suspensions[0]->start_date, kDay + 10);
  EXPECT_EQ(source->suspensions[0]->end_date, kDay + 12);
  EXPECT_EQ(source->terminated_ms, 1'717'113'600'250);
  EXPECT_THAT(source->within, ::testing::ElementsAre("erp:contract/17", "erp:asset/4"));
  EXPECT_EQ(source->quantity, 5);
  EXPECT_EQ(source->product, "P1");
  ASSERT_EQ(source->terms.size(), 1U);
  EXPECT_EQ(source->terms[0]->feature, "seats");
  EXPECT_EQ(source->terms[0]->kind, FeatureKind::QuantitySum);
  EXPECT_EQ(source->terms[0]->amount, 2);
  EXPECT_TRUE(source->terms[0]->per_unit);
  EXPECT_EQ(source->terms[0]->grace_days, 7);
}

TEST_F(ChildSource, OtherStatusesLeaveItToTheDates) {
  EXPECT_EQ(source_of(ChildKind::Asset, {{"status", "Installed"}})->status,
            GrantSourceStatus::Active);
  EXPECT_EQ(source_of(ChildKind::Asset, {})->status, GrantSourceStatus::Active);
}

TEST_F(ChildSource, TheKindOfTheGrantMayBeSaid) {
  EXPECT_EQ(source_of(ChildKind::Entitlement, {{"grant_kind", "manual"}})->kind,
            GrantSourceKind::ManualGrant);
  EXPECT_EQ(source_of(ChildKind::Subscription,
                      {{"grant_kind", "ledger"}, {"subscription_id", "erp:2"}, {"quantity", "-3"}})
                ->quantity,
            -3);
}

TEST_F(ChildSource, WhatIsNotUnderstoodIsNamedAndNotQuoted) {
  for (const auto& [name, value] : Fields{{"start_date", "soon"},
                                          {"end_time", "2024-05-31"},
                                          {"quantity", "1.5"},
                                          {"contract_id", "no id"},
                                          {"precedence", "high"},
                                          {"grant_kind", "gift"},
                                          {"suspended_to_date", "?"},
                                          {"terminated_date", "never"}}) {
    const auto source = source_of(ChildKind::ContractLine, {{name, value}});
    ASSERT_FALSE(source.ok()) << name;
    EXPECT_EQ(source.code(), ErrorCode::kInvalidRecord);
    EXPECT_EQ(source.message(), "field " + name + " is not understood");
  }
  EXPECT_FALSE(source_of(ChildKind::Asset, {{"feature", "f"}, {"feature_kind", "odd"}}).ok());
  EXPECT_FALSE(source_of(ChildKind::Asset, {{"feature", "f"}, {"grace_days", "-1"}}).ok());
}

TEST_F(ChildSource, EveryFieldOfASourceTravelsAndNoOther) {
  Fields fields{{"feature", "seats"}, {"name", "Ada"}, {"account", "erp:1"}};
  for (const char* name : kGrantFields) {
    EXPECT_TRUE(is_grant_field(name));
    Fields with_one = fields;
    with_one[name] = "?";
    const std::string field = "field " + std::string(name);
    const auto odd = source_of(ChildKind::Subscription, with_one);
    EXPECT_TRUE(odd.ok() || odd.message() == field + " is not understood") << name;
    const auto unknown = source_of(ChildKind::Subscription, fields, name);
    ASSERT_FALSE(unknown.ok()) << name;
    EXPECT_EQ(unknown.message(), field + " is unknown");
  }
  for (const char* name : {"name", "account", ""}) EXPECT_FALSE(is_grant_field(name));
  EXPECT_TRUE(source_of(ChildKind::Subscription, fields, "name").ok());
}

}  // namespace millrace::crm::child_source_test
