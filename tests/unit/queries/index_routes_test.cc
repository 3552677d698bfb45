// Every instance answers by an index for all, while owners change.
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/client.h"
#include "millrace/operators.h"

#include "tests/unit/queries/event_reader.h"
#include "tests/unit/queries/served_cluster.h"

namespace millrace::engine::index_routes_test {

using client::Client;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::ordered_json;

constexpr Topic<std::string, std::string> kLeft{"left"};
constexpr Topic<std::string, std::string> kOut{"out"};
constexpr int kRows = 24;
constexpr std::string_view kNames[] = {"amber", "blue", "bluish", "cyan"};

/// Rows by a name, and by the number behind it.
Result<Topology> named() {
  TopologyBuilder builder{"named"};
  builder.table(kLeft, {.name = "rows"})
      .index("by-name", [](std::string_view value) { return value.substr(0, value.find('/')); })
      .index("by-number",
             [](std::string_view value) {
               return std::stoll(std::string(value.substr(value.find('/') + 1)));
             })
      .to(kOut);
  return std::move(builder).build();
}

std::string key_of(int i) {
  return "k" + std::to_string(100 + i);
}

class IndexRoutesTest : public ServedCluster {
 protected:
  IndexRoutesTest() : ServedCluster(named, 4) {}

  void start_all() {
    for (const char* name : {"a", "b", "c"}) start(name);
    for (int i = 0; i < kRows; ++i) {
      cluster_.pipe("left", key_of(i), std::string(kNames[i % 4]) + "/" + std::to_string(i - 10));
    }
    settle();
  }
  Json page(const std::string& instance, const std::string& target) const {
    const Reply reply = fetch(instance, "/v1/stores/rows/indexes/" + target);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }
  /// The keys on all pages.
  std::vector<std::string> keys(const std::string& instance, const std::string& target,
                                std::string next = {}) const {
    std::vector<std::string> found;
    do {
      const Json body = page(instance, target + (next.empty() ? "" : "&page=" + next));
      for (const Json& row : body["rows"]) found.push_back(row["key"]);
      next = body["next"].is_string() ? body["next"].get<std::string>() : "";
    } while (!next.empty());
    return found;
  }
  /// Keys of the rows with a name, or of names that begin so.
  static std::vector<std::string> wanted(const std::set<std::string_view>& names) {
    std::vector<std::string> found;
    for (const std::string_view name : names) {
      for (int i = 0; i < kRows; ++i) {
        if (kNames[i % 4] == name) found.push_back(key_of(i));
      }
    }
    return found;
  }
};

TEST_F(IndexRoutesTest, EveryInstanceFindsTheRowsOfAll) {
  start_all();
  for (const char* instance : {"a", "b", "c"}) {
    EXPECT_THAT(keys(instance, "by-name?limit=4&value=blue"), ElementsAreArray(wanted({"blue"})));
    EXPECT_THAT(keys(instance, "by-name?limit=5&prefix=blu"),
                ElementsAreArray(wanted({"blue", "bluish"})));
    EXPECT_THAT(keys(instance, "by-name?limit=5&from=blue&to=cyan"),
                ElementsAreArray(wanted({"blue", "bluish"})));
    EXPECT_THAT(keys(instance, "by-name?value=none"), IsEmpty());
    EXPECT_THAT(keys(instance, "by-number?limit=2&from=-2&to=1&order=desc"),
                ElementsAre(key_of(10), key_of(9), key_of(8)));
  }
  const Json body = page("a", "by-number?value=3&format=hex");
  ASSERT_EQ(body["rows"].size(), 1U);
  EXPECT_EQ(body["rows"][0]["indexed"], 3);
  EXPECT_EQ(body["rows"][0]["key"], key_of(13));
  EXPECT_EQ(body["positions"].size(), 4U);
}

TEST_F(IndexRoutesTest, PagesGoOnAfterAnInstanceDied) {
  start_all();
  const Json first = page("a", "by-name?limit=7");
  std::vector<std::string> found;
  for (const Json& row : first["rows"]) found.push_back(row["key"]);
  kill("c");
  for (int i = 0; i < 50; ++i) {
    cluster_.clock.advance(1'000);
    ASSERT_TRUE(cluster_.turn(5).ok());
  }
  for (const std::string& key : keys("b", "by-name?limit=7", first["next"].get<std::string>())) {
    found.push_back(key);
  }
  EXPECT_THAT(found, ElementsAreArray(wanted({"amber", "blue", "bluish", "cyan"})));
}

TEST_F(IndexRoutesTest, FollowsChangesAndPositions) {
  start_all();
  cluster_.pipe("left", key_of(1), "amber/1000");
  settle();
  const Reply reply = fetch("a", "/v1/stores/rows/indexes/by-number?value=1000");
  EXPECT_THAT(reply.body, HasSubstr(key_of(1)));
  EXPECT_FALSE(reply.position.empty());
  EXPECT_THAT(keys("b", "by-number?value=-9&min_position=" + reply.position), IsEmpty());
}

TEST_F(IndexRoutesTest, StreamsTheRowsOfAValueWheneverTheyChange) {
  start_all();
  EventReader reader(ports_.at("c"), "/v1/stores/rows/indexes/by-number/changes?from=900", {});
  const auto next_keys = [&] {
    std::vector<std::string> found;
    const std::optional<EventReader::Event> event = reader.next();
    if (!event || event->name != "rows") return std::vector<std::string>{"no event"};
    const Json body = Json::parse(event->data);
    for (const Json& row : body["rows"]) found.push_back(row["key"]);
    return found;
  };
  EXPECT_THAT(next_keys(), IsEmpty());
  cluster_.pipe("left", key_of(3), "amber/950");
  settle();
  EXPECT_THAT(next_keys(), ElementsAre(key_of(3)));
  cluster_.pipe("left", key_of(4), "amber/5");  // not among them: no event
  cluster_.pipe("left", key_of(5), "amber/940");
  settle();
  EXPECT_THAT(next_keys(), ElementsAre(key_of(5), key_of(3)));
  cluster_.pipe("left", key_of(3), "amber/7");
  settle();
  EXPECT_THAT(next_keys(), ElementsAre(key_of(5)));
}

TEST_F(IndexRoutesTest, RefusesWhatItDoesNotHave) {
  start_all();
  EXPECT_EQ(fetch("a", "/v1/stores/rows/indexes/by-size").status, 404);
  EXPECT_EQ(fetch("a", "/v1/stores/rows/indexes/by-size/changes").status, 404);
  EXPECT_EQ(fetch("a", "/v1/stores/other/indexes/by-name").status, 400);
  EXPECT_EQ(fetch("a", "/v1/stores/rows/indexes/by-number?value=x").status, 400);
  EXPECT_EQ(fetch("a", "/v1/stores/rows/indexes/by-name?value=x&prefix=x").status, 400);
}

TEST_F(IndexRoutesTest, NeedsTheRightToRawRows) {
  anonymous_ = {Right::kRead, Right::kPersonal};
  start_all();
  EXPECT_EQ(fetch("a", "/v1/stores/rows/indexes/by-name").status, 401);
}

TEST_F(IndexRoutesTest, AClientReadsThePages) {
  start_all();
  auto opened = Client::open({.urls = {"http://127.0.0.1:" + std::to_string(ports_.at("b"))}});
  ASSERT_TRUE(opened.ok());
  client::IndexQuestion question{.prefix = "blu", .rows_max = 5};
  size_t rows = 0;
  do {
    const auto found = (*opened)->json_rows_by("rows", "by-name", question);
    ASSERT_TRUE(found.ok()) << found.message();
    rows += found->rows.size();
    question.page = found->next;
  } while (!question.page.empty());
  EXPECT_EQ(rows, wanted({"blue", "bluish"}).size());
  EXPECT_EQ((*opened)->json_rows_by("rows", "by-size", {}).code(), ErrorCode::kInvalidArgument);
  const char* const path = "/v1/stores/rows/indexes/by-name";
  const auto in_hex = (*opened)->json_page(path, "rows", {{"format", "hex"}}, {.rows_max = 1});
  ASSERT_TRUE(in_hex.ok()) << in_hex.message();
  EXPECT_THAT(in_hex->rows, ElementsAre(HasSubstr("value_hex")));
  EXPECT_EQ((*opened)->json_page(path, "others", {}, {}).code(), ErrorCode::kInvalidRecord);
}

}  // namespace millrace::engine::index_routes_test
