// Rows and timers as JSON, and who sees which of them.
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "millrace/state/timer_queue.h"

#include "account_row_generated.h"
#include "small_topologies.h"
#include "tests/unit/queries/served_cluster.h"

namespace millrace::engine::store_rows_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

constexpr int64_t kFarMs = 4'000'000'000'000;
constexpr std::string_view kSecret = "someone@example.com";

std::string person() {
  crm::AccountRowT row;
  row.id = "s:1";
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"city", "Ulm"}, {"email", std::string(kSecret)}}) {
    auto field = std::make_unique<crm::RowFieldT>();
    field->name = name;
    field->value = value;
    field->version = std::make_unique<crm::VersionT>();
    row.fields.push_back(std::move(field));
  }
  return Flat<crm::AccountRow>(row).bytes();
}

std::string number(int64_t value) {
  std::string bytes;
  encode_as<int64_t>(value, bytes);
  return bytes;
}

/// A record sets a timer, and a row of each store.
void write_rows(ProcessorContext& context, const Record& record) {
  const auto put = [&](std::string_view store, Bytes key, const std::string& value) {
    context.store(store).put(key, Bytes(value), record.timestamp_ms);
  };
  put("people", record.key, person());
  put("others", record.key, person());
  put("people", Bytes("\xff"), std::string(kSecret));
  put("texts", record.key, std::string(kSecret));
  put("texts", Bytes("\xff"), "\xff" + std::string(kSecret));
  put("raws", record.key, "\x01\xff");
  put("counts", Bytes(number(-5)), number(7));
  const int64_t place = record.key.view().back() - '0';
  context.timers("alarms").set(record.key, 2, kFarMs - place);
}

Result<Topology> every_kind() {
  std::vector<Node> nodes(2);
  nodes[0].name = "in";
  nodes[0].kind = NodeKind::kSource;
  nodes[0].topic = {"left", type_info<std::string>(), type_info<std::string>()};
  nodes[0].children = {1};
  nodes[1].name = "step";
  nodes[1].parents = {0};
  nodes[1].factory = [] {
    return std::make_unique<ScriptedProcessor>(
        nullptr, write_rows, [](ProcessorContext&, const Timer&) {}, nullptr, nullptr);
  };
  nodes[1].stores = {"people", "others", "texts", "raws", "counts", "alarms"};
  const auto text = type_info<std::string>();
  return Topology::create(
      "kinds", std::move(nodes),
      {{.name = "people", .key = text, .value = type_info<crm::AccountRow>()},
       {.name = "others", .key = text, .value = type_info<crm::AccountRow>()},
       {.name = "texts", .key = text, .value = text},
       {.name = "raws", .key = text, .value = type_info<RawBytes>()},
       {.name = "counts", .key = type_info<int64_t>(), .value = type_info<int64_t>()},
       {.name = "alarms", .key = text, .value = {}, .timers = TimeKind::kWall}});
}

/// Hides the value of fields called email.
std::optional<std::string> hide_emails(std::string_view text) {
  Json row = Json::parse(text);
  if (!row.is_object() || !row.contains("fields")) return std::string(text);
  for (Json& field : row["fields"]) {
    if (field["name"] == "email") field["value"] = "***";
  }
  return row.dump();
}

class StoreRowsTest : public ServedCluster {
 protected:
  StoreRowsTest() : ServedCluster(every_kind, 1) {}

  void start_for(Rights rights, RowMasks masks = {}) {
    anonymous_ = rights;
    masks_ = std::move(masks);
    start("a");
    for (const char* key : {"s:3", "s:1", "s:2", "t:9"}) cluster_.pipe("left", key, "v");
    settle();
  }
  /// People, and by mistake stores of texts, bytes and numbers.
  static RowMasks masks() {
    return {{"people", hide_emails}, {"alarms", {}}, {"texts", {}}, {"raws", {}}, {"counts", {}}};
  }
  int status_of(const std::string& path) const { return fetch("a", "/v1/stores/" + path).status; }
  Json get(const std::string& path) const {
    const Reply reply = fetch("a", "/v1/stores/" + path);
    EXPECT_EQ(reply.status, 200) << path << ": " << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }
  std::vector<std::string> keys_of(const std::string& path) const {
    std::vector<std::string> keys;
    const Json page = get(path);
    for (const Json& row : page["rows"]) keys.push_back(row["key"]);
    return keys;
  }
};

TEST_F(StoreRowsTest, TheRightToRawRowsShowsAllByTheStoresTypes) {
  start_for({Right::kRaw});
  const Json person = get("people?key=s:1");
  EXPECT_EQ(person["key"], "s:1");
  EXPECT_EQ(person["value"]["id"], "s:1");
  EXPECT_EQ(person["value"]["status"], "Unknown") << "a default";
  EXPECT_EQ(person["value"]["fields"][1]["value"], kSecret);
  EXPECT_EQ(get("texts?key=s:1")["value"], kSecret);
  EXPECT_EQ(get("raws?key=s:1&format=json")["value"], Json({{"hex", "01ff"}}));
  EXPECT_EQ(get("raws?key=s:1")["value_hex"], "01ff") << "the type has no form as JSON";
  EXPECT_EQ(get("texts?key=s:1&format=hex")["value_hex"].get<std::string>().size(),
            2 * kSecret.size());
  const Json count = get("counts/rows")["rows"][0];
  EXPECT_EQ(count["key"], -5);
  EXPECT_EQ(count["value"], 7);
  const Json broken = get("people/rows?prefix=%ff")["rows"][0];
  EXPECT_EQ(broken["key"], Json({{"hex", "ff"}}));
  EXPECT_TRUE(broken["value"].contains("hex")) << "no table: " << broken;
}

TEST_F(StoreRowsTest, TheRightToReadShowsOpenedStoresBehindTheirMask) {
  start_for({Right::kRead}, masks());
  const Json person = get("people?key=s:1");
  EXPECT_EQ(person["value"]["fields"][0]["value"], "Ulm");
  EXPECT_EQ(person["value"]["fields"][1]["value"], "***");
  EXPECT_EQ(status_of("others?key=s:1"), 401);
  EXPECT_EQ(status_of("others/rows"), 401);
  EXPECT_EQ(status_of("people?key=s:1&format=hex"), 401);
  EXPECT_EQ(status_of("alarms/rows?format=hex"), 401);
  EXPECT_EQ(status_of("raws/rows"), 401) << "no mask finds anything in bytes";
  EXPECT_EQ(get("alarms/rows")["rows"][0]["key"], "t:9");
}

TEST_F(StoreRowsTest, WhatNoMaskCanReadIsHidden) {
  for (const Rights rights : {Rights{Right::kRead}, Rights{Right::kRead, Right::kPersonal}}) {
    start_for(rights, masks());
    for (const char* path : {"texts/rows", "counts/rows", "people/rows?prefix=%ff"}) {
      const Json page = get(path);
      ASSERT_FALSE(page["rows"].empty());
      for (const Json& row : page["rows"]) {
        EXPECT_EQ(row["hidden"], true) << path;
        EXPECT_FALSE(row.contains("value")) << path;
      }
      EXPECT_THAT(page.dump(), Not(HasSubstr("someone")));
      EXPECT_THAT(page.dump(), Not(HasSubstr("hex")));
    }
    kill("a");
  }
}

TEST_F(StoreRowsTest, AMaskThatDoesNotKnowAValueHidesIt) {
  start_for({Right::kRead}, {{"people", [](std::string_view) { return std::nullopt; }}});
  const Json person = get("people?key=s:1");
  EXPECT_EQ(person["hidden"], true);
  EXPECT_FALSE(person.contains("value"));
}

TEST_F(StoreRowsTest, TheRightToPersonalFieldsTakesTheMaskAway) {
  start_for({Right::kRead, Right::kPersonal}, masks());
  EXPECT_EQ(get("people?key=s:1")["value"]["fields"][1]["value"], kSecret);
  EXPECT_EQ(status_of("others?key=s:1"), 401);
}

TEST_F(StoreRowsTest, WithoutMasksRowsAreForTheRightToRawRows) {
  start_for({Right::kRead, Right::kPersonal});
  EXPECT_EQ(status_of("people?key=s:1"), 401);
  EXPECT_EQ(status_of("alarms/rows"), 401);
}

TEST_F(StoreRowsTest, TimersComeByTheirTimeOrByTheirKey) {
  start_for({Right::kRaw});
  const Json timer = get("alarms/rows?limit=1")["rows"][0];
  EXPECT_EQ(timer["key"], "t:9");
  EXPECT_EQ(timer["kind"], 2);
  EXPECT_EQ(timer["due_ms"], kFarMs - 9);
  EXPECT_THAT(keys_of("alarms/rows"), ElementsAre("t:9", "s:3", "s:2", "s:1"));
  EXPECT_THAT(keys_of("alarms/rows?order=desc"), ElementsAre("s:1", "s:2", "s:3", "t:9"));
  EXPECT_THAT(keys_of("alarms/rows?prefix=s:"), ElementsAre("s:1", "s:2", "s:3"));
  EXPECT_EQ(get("alarms/rows?prefix=s:2")["rows"][0]["due_ms"], kFarMs - 2);
  std::vector<std::string> paged;
  std::string page;
  for (int i = 0; i < 9; ++i) {
    const Json answer = get("alarms/rows?limit=1" + (page.empty() ? "" : "&page=" + page));
    for (const Json& row : answer["rows"]) paged.push_back(row["key"]);
    if (answer["next"].is_null()) break;
    page = answer["next"];
  }
  EXPECT_THAT(paged, ElementsAre("t:9", "s:3", "s:2", "s:1"));
  EXPECT_EQ(status_of("alarms/rows?from=s"), 400);
  EXPECT_EQ(status_of("alarms?key=s:1"), 400);
  EXPECT_EQ(get("alarms/rows?format=hex")["rows"].size(), 8U) << "two rows each";
}

TEST_F(StoreRowsTest, TheDocumentNamesTheFormatAndTheRights) {
  start_for({Right::kRead}, masks());
  const Json document = Json::parse(fetch("a", "/v1/openapi.json").body);
  for (const char* path : {"/v1/stores/{store}", "/v1/stores/{store}/rows"}) {
    const Json& operation = document["paths"][path]["get"];
    EXPECT_EQ(operation["x-millrace-right"], "read");
    EXPECT_EQ(operation["x-millrace-or-right"], "raw");
    EXPECT_TRUE(operation["responses"].contains("401")) << "some stores are not open to all";
    EXPECT_THAT(operation["parameters"].dump(), HasSubstr(R"(["json","hex"])"));
  }
}

}  // namespace millrace::engine::store_rows_test
