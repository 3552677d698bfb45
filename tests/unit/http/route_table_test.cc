#include "engine/http/route_table.h"

#include <stdexcept>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::engine::route_table_test {

using ::testing::HasSubstr;
using ::testing::Not;

HttpAnswer echo(const HttpRequest& request) {
  std::string body;
  for (const std::string& argument : request.arguments) body += "[" + argument + "]";
  for (const auto& [name, value] : request.parameters) body += "<" + name + "=" + value + ">";
  return {.body = body, .content_type = "text/plain"};
}

class RouteTableTest : public ::testing::Test {
 protected:
  RouteTableTest() {
    table_.add({.pattern = "/v1/accounts/{id}", .parameters = {{.name = "id"}}, .handler = echo});
    table_.add(
        {.pattern = "/v1/health",
         .parameters = {{.name = "a"},
                        {.name = "b"},
                        {.name = "n", .type = HttpParameter::Type::kInteger, .min = 1, .max = 10},
                        {.name = "c", .type = HttpParameter::Type::kChoice, .choices = {"x", "y"}}},
         .handler = echo});
    table_.add({.pattern = "/v1/needs",
                .parameters = {{.name = "key", .is_required = true, .length_max = 3}},
                .handler = echo});
    table_.add({.pattern = "/v1/fails", .handler = [](const HttpRequest&) -> HttpAnswer {
                  throw std::runtime_error("secret detail");
                }});
    table_.add({.method = HttpMethod::kPost,
                .pattern = "/v1/pause",
                .right = Right::kOperate,
                .handler = [](const HttpRequest&) { return HttpAnswer{.body = "paused"}; }});
  }

  HttpAnswer ask(HttpMethod method, std::string_view target, Rights rights = Rights::all(),
                 bool has_token = false) const {
    const RouteMatch match = table_.find(method, target);
    if (match.route == nullptr) return match.refusal;
    return answer_of(match, {.rights = rights}, has_token);
  }
  HttpAnswer get(std::string_view target) const { return ask(HttpMethod::kGet, target); }

  RouteTable table_;
};

TEST_F(RouteTableTest, DecodesSegmentsAfterSplitting) {
  EXPECT_EQ(get("/v1/accounts/ror%3Aab%2Fcd").body, "[ror:ab/cd]");
  EXPECT_EQ(get("/v1/accounts/a+b").body, "[a+b]");
  EXPECT_EQ(get("/v1/accounts/%00").body, std::string("[\0]", 3));
}

TEST_F(RouteTableTest, DecodesParameters) {
  EXPECT_EQ(get("/v1/health?a=1+2&b=%26&c=x").body, "<a=1 2><b=&><c=x>");
  EXPECT_EQ(get("/v1/health?").status, 200U);
}

TEST_F(RouteTableTest, RefusesBrokenEscapes) {
  for (const char* target :
       {"/v1/accounts/%", "/v1/accounts/%4", "/v1/accounts/%zz", "/v1/health?a=%4", "*", ""}) {
    EXPECT_EQ(get(target).status, 400U) << target;
  }
}

TEST_F(RouteTableTest, RefusesParametersThatDoNotFitTheTable) {
  for (const char* target :
       {"/v1/health?unknown=1", "/v1/health?a=1&a=2", "/v1/health?n=0", "/v1/health?n=11",
        "/v1/health?n=1x", "/v1/health?n=", "/v1/health?c=z", "/v1/needs", "/v1/needs?key=long"}) {
    EXPECT_EQ(get(target).status, 400U) << target;
  }
  EXPECT_THAT(get("/v1/needs").body, HasSubstr("key is missing"));
  EXPECT_EQ(get("/v1/health?n=10&c=y").status, 200U);
  EXPECT_EQ(get("/v1/needs?key=abc").status, 200U);
}

TEST_F(RouteTableTest, UnknownPathsAre404) {
  for (const char* target :
       {"/", "/v1", "/v1/accounts", "/v1/accounts/", "/v1/accounts/a/b", "/v1/../health"}) {
    EXPECT_EQ(get(target).status, 404U) << target;
  }
}

TEST_F(RouteTableTest, APathAnswersItsOwnMethodOnly) {
  EXPECT_EQ(ask(HttpMethod::kPost, "/v1/pause").body, "paused");
  EXPECT_EQ(get("/v1/pause").status, 405U);
  EXPECT_EQ(get("/v1/pause").allow, "POST");
  EXPECT_EQ(ask(HttpMethod::kPost, "/v1/health").status, 405U);
}

TEST_F(RouteTableTest, ARouteIsForCallersWithItsRight) {
  EXPECT_EQ(ask(HttpMethod::kPost, "/v1/pause", {Right::kRead}).status, 401U);
  const HttpAnswer known = ask(HttpMethod::kPost, "/v1/pause", {Right::kRead}, true);
  EXPECT_EQ(known.status, 403U);
  EXPECT_THAT(known.body, HasSubstr("operate"));
  EXPECT_EQ(ask(HttpMethod::kGet, "/v1/health", {}).status, 401U);
  EXPECT_EQ(ask(HttpMethod::kPost, "/v1/pause", {Right::kOperate}).status, 200U);
}

TEST_F(RouteTableTest, AnotherRightMayBeEnoughAsWell) {
  table_.add({.pattern = "/v1/rows",
              .right = Right::kRead,
              .or_right = Right::kRaw,
              .handler = [](const HttpRequest&) { return HttpAnswer{}; }});
  EXPECT_EQ(ask(HttpMethod::kGet, "/v1/rows", {Right::kRead}).status, 200U);
  EXPECT_EQ(ask(HttpMethod::kGet, "/v1/rows", {Right::kRaw}).status, 200U);
  EXPECT_EQ(ask(HttpMethod::kGet, "/v1/rows", {Right::kOperate}, true).status, 403U);
  EXPECT_EQ(ask(HttpMethod::kGet, "/v1/rows", {}).status, 401U);
  EXPECT_EQ(ask(HttpMethod::kGet, "/v1/health", {}).status, 401U) << "there kNone is no right";
}

TEST_F(RouteTableTest, AnExceptionIsA500WithoutItsText) {
  const HttpAnswer answer = get("/v1/fails");
  EXPECT_EQ(answer.status, 500U);
  EXPECT_THAT(answer.body, Not(HasSubstr("secret")));
}

TEST(Scans, AreAnsweredAFewAtATimeUntilTheirAnswersAreSent) {
  RouteTable table(1);
  const auto scan = [] { return HttpAnswer{.body = "rows"}; };
  table.add({.pattern = "/v1/rows",
             .right = Right::kNone,
             .is_scan = true,
             .handler = [&](const HttpRequest&) { return scan(); }});
  table.add({.pattern = "/v1/far",
             .right = Right::kNone,
             .is_scan = true,
             .handler = [&](const HttpRequest&) { return HttpAnswer{.later = scan}; }});
  const auto ask = [&](std::string_view path) {
    return answer_of(table.find(HttpMethod::kGet, path), HttpRequest(), false);
  };
  {
    const HttpAnswer first = ask("/v1/rows");
    EXPECT_EQ(first.body, "rows");
    const HttpAnswer second = ask("/v1/far");
    EXPECT_EQ(second.status, 503U);
    EXPECT_THAT(second.body, HasSubstr("query.scans.max"));
  }
  std::optional<HttpAnswer> made;
  {
    const HttpAnswer later = ask("/v1/far");
    ASSERT_TRUE(later.later);
    made = later.later();
  }
  EXPECT_EQ(made->body, "rows");
  EXPECT_EQ(ask("/v1/rows").status, 503U);
  made.reset();
  EXPECT_EQ(ask("/v1/rows").status, 200U);
}

TEST(ErrorAnswer, IsJsonWhateverTheBytes) {
  EXPECT_EQ(error_answer(404, "a\"b\xff").body, "{\"error\":\"a\\\"b\xef\xbf\xbd\"}\n");
  EXPECT_EQ(error_answer(Error{ErrorCode::kRetriable, "x"}).status, 503U);
}

}  // namespace millrace::engine::route_table_test
