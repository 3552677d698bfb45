#include "flat_json.h"

#include <memory>

#include <gtest/gtest.h>

#include "millrace/core/serde.h"

#include "account_generated.h"
#include "conflict_generated.h"

namespace millrace::apps {
namespace {

TEST(FlatJson, ShowsNestedTablesVectorsEnumsAndDefaults) {
  crm::AccountChangeT change;
  change.id = "ror:a";
  change.change_type = crm::ChangeType::Delete;
  change.version = std::make_unique<crm::VersionT>();
  change.version->commit_timestamp_ms = 5'000'000'000;
  auto field = std::make_unique<crm::FieldValueT>();
  field->name = "name";
  field->value = "Ü\"\n";
  change.fields.push_back(std::move(field));
  const Flat<crm::AccountChange> flat(change);
  EXPECT_EQ(flat_json(Bytes(flat.bytes()), crm::AccountChangeTypeTable()).dump(),
            R"({"id":"ror:a","change_type":"Delete","version":{"commit_timestamp_ms":5000000000,)"
            R"("sequence_number":0},"fields":[{"name":"name","value":"Ü\"\n"}],)"
            R"("full_image":false})");
}

TEST(FlatJson, ShowsVectorsOfStrings) {
  crm::ConflictT conflict;
  conflict.kind = crm::ConflictKind::Split;
  conflict.ids = {"a", "b"};
  conflict.version = std::make_unique<crm::VersionT>();
  const Flat<crm::Conflict> flat(conflict);
  const auto json = flat_json(Bytes(flat.bytes()), crm::ConflictTypeTable());
  EXPECT_EQ(json["kind"], "Split");
  EXPECT_EQ(json["ids"].dump(), R"(["a","b"])");
}

TEST(BytesJson, IsTextWhenItIsUtf8ElseHexadecimal) {
  EXPECT_EQ(bytes_json(Bytes()).dump(), "null");
  EXPECT_EQ(bytes_json("").dump(), "\"\"");
  EXPECT_EQ(bytes_json("ror:\xc3\x9c").dump(), "\"ror:\xc3\x9c\"");
  for (const std::string& text : {std::string("\xff"), std::string("\xc3"), std::string("\xc0\x80"),
                                  std::string("\xed\xa0\x80"), std::string("\xf4\x90\x80\x80")}) {
    EXPECT_TRUE(bytes_json(Bytes(text)).contains("hex"));
  }
  EXPECT_EQ(bytes_json("\xff\x01").dump(), R"({"hex":"ff01"})");
}

TEST(KnownTypes, AreFoundByNameAndByTopic) {
  EXPECT_EQ(find_type_by_topic("crm.redirects"), find_type_by_name("Redirect"));
  EXPECT_EQ(find_type_by_topic(""), nullptr);
  EXPECT_EQ(find_type_by_name("Nothing"), nullptr);
}

}  // namespace
}  // namespace millrace::apps
