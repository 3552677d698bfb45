// The page's files, as a browser gets them, and the routes that its scripts ask.
#include <regex>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "millrace/operators.h"

#include "engine/console/dead_letter_routes.h"
#include "engine/console/page_routes.h"
#include "tests/unit/queries/served_cluster.h"

namespace millrace::engine::page_test {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr Topic<std::string, std::string> kIn{"in"};
constexpr Topic<std::string, std::string> kOut{"out"};
/// Routes of the CRM job, whose panels are hidden where they are missing.
const std::set<std::string> kOfTheApplication{"/v1/accounts/{id}", "/v1/conflicts"};

Result<Topology> copying() {
  TopologyBuilder builder{"copying"};
  builder.table(kIn, {.name = "rows"}).to(kOut);
  return std::move(builder).build();
}

/// All first groups of `pattern` in a text.
std::set<std::string> found_in(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
    found.insert((*at)[1].str());
  }
  return found;
}

class PageTest : public ServedCluster {
 protected:
  PageTest() : ServedCluster(copying, 1) {
    anonymous_ = {};
    start("a");
  }

  /// Head and body of an answer.
  std::string raw(const std::string& target) const {
    const RawClient client(ports_.at("a"));
    client.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return client.read_all();
  }
};

TEST_F(PageTest, IsServedToEverybodyWithAPolicyThatAllowsOnlyItsOwnFiles) {
  const std::string page = raw("/console");
  EXPECT_THAT(page, HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(page, HasSubstr("Content-Type: text/html; charset=utf-8"));
  EXPECT_THAT(page, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_THAT(page, HasSubstr("Content-Security-Policy: default-src 'none'; script-src 'self'; "
                              "style-src 'self'; connect-src 'self'; img-src 'self'; base-uri "
                              "'none'; form-action 'none'; frame-ancestors 'none'"));
  EXPECT_THAT(page, Not(HasSubstr("unsafe")));
  EXPECT_EQ(fetch("a", "/v1/instances").status, 401) << "the state needs a right";
}

TEST_F(PageTest, HasNoScriptOrStyleInItsText) {
  const std::string page = fetch("a", "/console").body;
  EXPECT_EQ(found_in(page, "(<script(?![^>]* src=)[^>]*>)").size(), 0U);
  EXPECT_EQ(found_in(page, "(<style|style=|\\son[a-z]+=|javascript:|https?://)").size(), 0U);
}

TEST_F(PageTest, ServesEveryFileThatItNames) {
  std::set<std::string> named = found_in(fetch("a", "/console").body, "(?:src|href)=\"(/[^\"]+)\"");
  for (const PageFile& file : page_files()) {
    for (const std::string& import : found_in(std::string(file.text), "from \"\\./([^\"]+)\"")) {
      named.insert("/console/scripts/" + import);
    }
  }
  EXPECT_EQ(named.size() + 1, page_files().size()) << "a file that nobody names";
  for (const std::string& path : named) {
    const std::string type = path.ends_with(".js") ? "text/javascript" : "text/css";
    const std::string answer = raw(path);
    EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200")) << path;
    EXPECT_THAT(answer, HasSubstr("Content-Type: " + type + "; charset=utf-8")) << path;
  }
  EXPECT_EQ(fetch("a", "/console/scripts/index.html").status, 400);
  EXPECT_EQ(fetch("a", "/console/scripts/..%2Fapi.js").status, 400);
}

TEST_F(PageTest, AsksOnlyRoutesThatExist) {
  std::set<std::string> asked = found_in(fetch("a", "/console").body, "\"(/v1/[^\"]+)\"");
  for (const PageFile& file : page_files()) {
    asked.merge(found_in(std::string(file.text), "[\"'`](/v1/[^\"'`]+)[\"'`]"));
  }
  EXPECT_THAT(asked, Contains("/v1/instances/{instance}/health"));
  QueryServer server({.threads = 1});
  add_engine_routes(server, cluster_["a"], topology_);
  add_dead_letter_route(server, cluster_["a"], "letters");
  const Result<int> port = server.start();
  ASSERT_TRUE(port.ok());
  ports_["all"] = *port;
  const Json paths = Json::parse(fetch("all", "/v1/openapi.json").body)["paths"];
  server.stop();
  for (const std::string& path : asked) {
    const bool is_engines = path == "/v1/openapi.json" || paths.contains(path);
    EXPECT_TRUE(is_engines || kOfTheApplication.contains(path)) << path;
  }
}

}  // namespace millrace::engine::page_test
