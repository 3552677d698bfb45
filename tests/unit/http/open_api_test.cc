#include "engine/http/open_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace millrace::engine::open_api_test {

using Json = nlohmann::json;

Json document_of(const HttpRoute& route, Rights anonymous = {Right::kRead}) {
  const HttpRoute* const routes[] = {&route};
  return Json::parse(open_api(routes, "crm", anonymous));
}

TEST(OpenApi, DescribesPathQueryBodyAndErrorsOfARoute) {
  const HttpRoute route{.method = HttpMethod::kPost,
                        .pattern = "/v1/accounts/{id}",
                        .right = Right::kRaw,
                        .summary = "One account.",
                        .parameters = {{.name = "id", .meaning = "Its id.", .pattern = "^a+$"},
                                       {.name = "limit",
                                        .type = HttpParameter::Type::kInteger,
                                        .is_required = true,
                                        .min = 1,
                                        .max = 9}},
                        .errors = {{404, "Never seen."}},
                        .body_meaning = "ids",
                        .body_schema = R"({"type":"object","required":["ids"]})",
                        .body_bytes_max = 10};
  const Json document = document_of(route);
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["info"]["title"], "crm");
  const Json& operation = document["paths"]["/v1/accounts/{id}"]["post"];
  EXPECT_EQ(operation["operationId"], "post_v1_accounts_id");
  EXPECT_EQ(operation["parameters"][0]["in"], "path");
  EXPECT_EQ(operation["parameters"][0]["required"], true);
  EXPECT_EQ(operation["parameters"][1]["in"], "query");
  EXPECT_EQ(operation["parameters"][1]["schema"],
            Json({{"type", "integer"}, {"format", "int64"}, {"minimum", 1}, {"maximum", 9}}));
  EXPECT_EQ(operation["parameters"][0]["schema"]["pattern"], "^a+$");
  EXPECT_EQ(operation["requestBody"]["description"], "ids");
  EXPECT_EQ(operation["requestBody"]["content"]["application/json"]["schema"]["required"],
            Json::array({"ids"}));
  EXPECT_EQ(operation["security"], Json::array({{{"bearer", Json::array()}}}));
  for (const char* status : {"200", "400", "401", "403", "404", "413", "421", "431", "503"}) {
    EXPECT_TRUE(operation["responses"].contains(status)) << status;
  }
  EXPECT_EQ(document["components"]["schemas"]["Error"]["required"], Json::array({"error"}));
}

TEST(OpenApi, DescribesTheFormOfAnAnswer) {
  const Json typed = document_of({.pattern = "/v1/x", .answer_schema = R"({"type":"array"})"});
  const Json& response = typed["paths"]["/v1/x"]["get"]["responses"]["200"];
  EXPECT_EQ(response["content"]["application/json"]["schema"], Json({{"type", "array"}}));
}

TEST(OpenApi, SaysWhatNeedsNoToken) {
  const Json open = document_of({.pattern = "/v1/x", .right = Right::kRead});
  EXPECT_THAT(open["paths"]["/v1/x"]["get"]["security"], ::testing::Contains(Json::object()));
  EXPECT_FALSE(open["paths"]["/v1/x"]["get"]["responses"].contains("401"));
  const Json closed = document_of({.pattern = "/v1/x", .right = Right::kRead}, {});
  EXPECT_EQ(closed["paths"]["/v1/x"]["get"]["security"].size(), 1U);
  EXPECT_TRUE(closed["paths"]["/v1/x"]["get"]["responses"].contains("401"));
}

}  // namespace millrace::engine::open_api_test
