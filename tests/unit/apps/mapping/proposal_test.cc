#include "apps/mapping/proposal.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include "apps/mapping/names.h"

namespace millrace::apps::proposal_test {

using crm::EntityKind;
using crm::FieldType;
using crm::TimeUnit;
using ::testing::HasSubstr;

/// Of a JSON array of values.
ColumnProfile column(std::string_view values) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(values);
  ColumnProfile profile;
  const simdjson::dom::array array = parser.parse(text).get_array().value();
  for (const simdjson::dom::element value : array) {
    profile.add(value);
  }
  return profile;
}

/// "date/days", "decimal", "" for none, "unreadable".
std::string form(std::string_view field, std::string_view values) {
  const FormProposal proposal = propose_form(field, column(values));
  if (!proposal.is_readable) return "unreadable";
  if (proposal.form.type == FieldType::Undeclared) return "";
  std::string text(to_string(proposal.form.type));
  switch (proposal.form.numbers.unit) {
    case TimeUnit::kUnsaid:
      return text;
    case TimeUnit::kDays:
      return text + "/days";
    case TimeUnit::kSeconds:
      return text + "/seconds";
    case TimeUnit::kMilliseconds:
      return text + "/milliseconds";
    case TimeUnit::kMicroseconds:
      return text + "/microseconds";
    case TimeUnit::kNanoseconds:
      return text + "/nanoseconds";
  }
  return text;
}

TEST(Proposal, TypesOfJsonValues) {
  EXPECT_EQ(form("is_partner", "[true, null]"), "boolean");
  EXPECT_EQ(form("is_partner", "[0, 1]"), "boolean");
  EXPECT_EQ(form("employees", "[0, 1, 250]"), "integer");
  EXPECT_EQ(form("probability", "[0.25, 1]"), "decimal");
  EXPECT_EQ(form("amount", R"([{"scale":2,"value":"AfQ="}])"), "decimal");
  EXPECT_EQ(form("tags", R"([["a"], null])"), "list");
  EXPECT_EQ(form("seen", R"([{"$date":1735689600000}])"), "moment");
  EXPECT_EQ(form("mixed", R"(["a", 1])"), "");
  EXPECT_EQ(form("mixed", R"([["a"], "b"])"), "unreadable");
  EXPECT_EQ(form("none", "[null]"), "");
}

TEST(Proposal, UnitsOfNumbersThatAreTimes) {
  EXPECT_EQ(form("founded", "[-6616, 9595]"), "date/days");
  EXPECT_EQ(form("close_date", "[20454]"), "date/days");
  EXPECT_EQ(form("founded", "[1998, 2004]"), "integer") << "years";
  EXPECT_EQ(form("end_date", "[20301231]"), "date");
  EXPECT_EQ(form("CreatedDate", "[1735689600000]"), "moment/milliseconds");
  EXPECT_EQ(form("last_visit", "[1767264780123456]"), "moment/microseconds");
  EXPECT_EQ(form("updated_at", "[1767264780123456789]"), "moment/nanoseconds");
  EXPECT_EQ(form("login_time", "[1767264780]"), "moment/seconds");
  EXPECT_EQ(form("size", "[1767264780]"), "integer");
}

TEST(Proposal, TextsThatAreOtherTypes) {
  EXPECT_EQ(form("annual_revenue", R"(["206562.89", "5"])"), "decimal");
  EXPECT_EQ(form("amount", R"(["5"])"), "decimal");
  EXPECT_EQ(form("sic", R"(["0111", "2222"])"), "text");
  EXPECT_EQ(form("customer_no", R"(["111", "222"])"), "");
  EXPECT_EQ(form("ends", R"(["20301231"])"), "date");
  EXPECT_EQ(form("start_date", R"(["2025-11-25Z", "+292278994-08-16Z", "2025-11-25"])"), "date");
  EXPECT_EQ(form("end_date", R"(["infinity"])"), "") << "a date or a moment";
  EXPECT_EQ(form("updated", R"(["infinity", "2026-11-29T02:26:34Z"])"), "moment");
  EXPECT_EQ(form("created", R"(["2026-11-29T02:26:34.610570Z"])"), "moment");
  EXPECT_EQ(form("created", R"(["2026-11-29T02:26:34"])"), "");
  EXPECT_EQ(form("active", R"(["t", "f"])"), "boolean");
  EXPECT_EQ(form("name", R"(["GmbH", ""])"), "");
  EXPECT_EQ(form("price", R"(["AfQ=", "BQ=="])"), "unreadable");
  EXPECT_EQ(form("word", R"(["BQ=="])"), "");
}

TEST(Proposal, ASchemaSaysTheType) {
  ColumnProfile typed = column("[5]");
  typed.schema = {.type = FieldType::Date, .numbers = {TimeUnit::kDays, true}};
  EXPECT_EQ(propose_form("x", typed).form.numbers.unit, TimeUnit::kDays);
  typed.schema = {.type = FieldType::Decimal, .scale = 2, .is_binary = true};
  EXPECT_EQ(propose_form("x", typed).form.scale, 2);
  typed.schema = {.is_binary = true};
  EXPECT_FALSE(propose_form("x", typed).is_readable);
}

TEST(Proposal, KindsByTheNamesOfEntities) {
  EXPECT_EQ(kind_by_name("crm.accounts"), EntityKind::kAccount);
  EXPECT_EQ(kind_by_name("dbo.AccountBase"), EntityKind::kAccount);
  EXPECT_EQ(kind_by_name("CRM.CUSTOMERS"), EntityKind::kAccount);
  EXPECT_EQ(kind_by_name("public.companies"), EntityKind::kAccount);
  EXPECT_EQ(kind_by_name("Contact"), EntityKind::kContact);
  EXPECT_EQ(kind_by_name("ContractLineItem"), EntityKind::kContractLine);
  EXPECT_EQ(kind_by_name("public.licences"), EntityKind::kEntitlement);
  EXPECT_EQ(kind_by_name("public.contact_roles"), std::nullopt);
}

TEST(Proposal, PersonalByNameShapeAndKind) {
  const auto is_personal = [](EntityKind kind, const char* field, const char* values) {
    return !personal_reason(kind, field, column(values)).empty();
  };
  EXPECT_TRUE(is_personal(EntityKind::kAccount, "Email__c", "[null]"));
  EXPECT_TRUE(is_personal(EntityKind::kAccount, "field_17", R"(["a@example.org"])"));
  EXPECT_TRUE(is_personal(EntityKind::kAccount, "field_18", R"(["+49 30 1000053"])"));
  EXPECT_TRUE(is_personal(EntityKind::kAccount, "notes", R"(["spoke with …"])"));
  EXPECT_TRUE(is_personal(EntityKind::kContact, "last_name", R"(["x"])"));
  EXPECT_TRUE(is_personal(EntityKind::kContact, "Name.LastName", R"(["x"])"));
  EXPECT_TRUE(is_personal(EntityKind::kContact, "MailingAddress.Street", R"(["x"])"));
  EXPECT_TRUE(is_personal(EntityKind::kContact, "birth_date", "[-1494]"));
  EXPECT_FALSE(is_personal(EntityKind::kAccount, "name", R"(["x"])"));
  EXPECT_FALSE(is_personal(EntityKind::kAccount, "BillingAddress.City", R"(["x"])"));
  EXPECT_FALSE(is_personal(EntityKind::kContact, "email_opt_out", "[true]"));
  EXPECT_FALSE(is_personal(EntityKind::kAccount, "updated_at", R"(["2026-11-29"])"));
  EXPECT_FALSE(is_personal(EntityKind::kAccount, "balance", R"(["-1234567.5"])"));
}

TEST(Proposal, NamesOfReferences) {
  for (const char* name : {"account_id", "AccountId", "customer_no", "CUSTOMERID"}) {
    EXPECT_TRUE(is_parent_name(name)) << name;
  }
  for (const char* name : {"merged_into", "MasterRecordId", "master_id"}) {
    EXPECT_TRUE(is_master_name(name)) << name;
  }
  EXPECT_FALSE(is_parent_name("name"));
  EXPECT_FALSE(is_master_name("account_id"));
}

TEST(Names, AreComparedWithoutTheirForm) {
  EXPECT_EQ(snake_case("BillingAddress.PostalCode__c"), "billing_address_postal_code");
  EXPECT_EQ(snake_case("CUSTOMER_NO"), "customer_no");
  EXPECT_EQ(snake_case("crmAccountID"), "crm_account_id");
  EXPECT_EQ(closest_name("nmae", {"city", "name"}), "name");
  EXPECT_EQ(closest_name("BillingCity", {"billing_city", "shipping_city"}), "billing_city");
  EXPECT_EQ(closest_name("public.costumers", {"public.customers"}), "public.customers");
  EXPECT_EQ(closest_name("revenue", {"city", "name"}), std::nullopt);
}

TEST(Proposal, SourcesHaveTheirLetters) {
  EXPECT_EQ(source_name("Prod.CRM"), "prod-crm");
  EXPECT_EQ(source_name(std::string(50, 'a')), std::string(32, 'a'));
}

}  // namespace millrace::apps::proposal_test
