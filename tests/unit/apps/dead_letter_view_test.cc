#include "apps/cli/dead_letter_view.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "crm/mapping/mapping.h"

namespace millrace::apps::dead_letter_view_test {

using ::testing::HasSubstr;
using ::testing::Not;

PersonalMask mask() {
  const Result<crm::Mapping> mapping = crm::parse_mapping(R"({"topics": {"raw": {
      "format": "salesforce_cometd", "source": "sf", "entities": {
        "Account": {"type": "account", "fields": {
          "Name": "name", "Phone": {"name": "phone", "personal": true},
          "BillingAddress.Street": {"name": "street", "personal": true}}},
        "Contact": {"type": "contact", "fields": {
          "Email": {"name": "email", "personal": true}}}}}}})");
  EXPECT_TRUE(mapping.ok()) << mapping.message();
  return PersonalMask(*mapping);
}

engine::DeadLetter letter(const std::string& value) {
  engine::DeadLetter letter;
  letter.error = "invalid_record";
  letter.reason = "byte 3: no";
  letter.topic = "raw";
  letter.offset = 7;
  letter.key = "jane@example.org";
  letter.value = value;
  letter.headers = {{"user", "jane"}};
  return letter;
}

constexpr const char* kChange =
    R"({"payload": {"Phone": "0170", "Name": "Acme", "Email": null,
        "BillingAddress": {"Street": "Elm 1", "City": "Ulm"}, "list": [{"Email": ["e", "f"]}]}})";

TEST(DeadLetterView, ShowsOnlySizesWhenNobodySaysWhatIsPersonal) {
  const auto json = dead_letter_json(letter(kChange), {});
  EXPECT_EQ(json["value"]["hidden_bytes"], std::string_view(kChange).size());
  EXPECT_EQ(json["reason"], "byte 3: no");
  EXPECT_EQ(json["offset"], 7);
  for (const char* personal : {"jane", "0170", "Elm", "Acme"}) {
    EXPECT_THAT(json.dump(), Not(HasSubstr(personal)));
  }
}

TEST(DeadLetterView, HidesPersonalFieldsWhereverTheyStand) {
  const PersonalMask personal = mask();
  const auto json = dead_letter_json(letter(kChange), {.mask = &personal});
  EXPECT_EQ(json["value"].dump(),
            R"({"payload":{"Phone":"***","Name":"Acme","Email":null,)"
            R"("BillingAddress":{"Street":"***","City":"Ulm"},"list":[{"Email":"***"}]}})");
  EXPECT_THAT(json.dump(), Not(HasSubstr("jane")));
}

TEST(DeadLetterView, WhatIsNoJsonIsHiddenAsAWhole) {
  const PersonalMask personal = mask();
  for (const char* value : {"{\"Phone\": \"0170\"", "0170", "\"0170\"", ""}) {
    const auto json = dead_letter_json(letter(value), {.mask = &personal});
    EXPECT_TRUE(json["value"].contains("hidden_bytes")) << value;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "[";
  deep += "\"0170\"";
  for (int i = 0; i < 100; ++i) deep += "]";
  EXPECT_THAT(dead_letter_json(letter(deep), {.mask = &personal}).dump(), Not(HasSubstr("0170")));
}

TEST(DeadLetterView, RevealsWhenAskedToButNotWhatIsSealed) {
  EXPECT_EQ(dead_letter_json(letter("0170"), {.reveals = true})["value"], "0170");
  engine::DeadLetter sealed = letter("0170");
  sealed.key_id = "00aa";
  const auto json = dead_letter_json(sealed, {.reveals = true});
  EXPECT_EQ(json["sealed_with"], "00aa");
  EXPECT_EQ(json["value"]["sealed_bytes"], 4);
}

TEST(PersonalMask, HidesFieldsOfOurTables) {
  auto row = nlohmann::ordered_json::parse(
      R"({"fields": [{"name": "phone", "value": "0170"}, {"name": "name", "value": "Acme"}]})");
  mask().apply(row);
  EXPECT_EQ(row["fields"][0]["value"], kHidden);
  EXPECT_EQ(row["fields"][1]["value"], "Acme");
}

}  // namespace millrace::apps::dead_letter_view_test
