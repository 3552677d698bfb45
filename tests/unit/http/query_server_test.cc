#include "millrace/engine/query_server.h"

#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include "millrace/engine/metrics.h"

#include "engine/http/gzip.h"
#include "engine/http/token_table.h"
#include "engine/secrets/bearer.h"
#include "tests/unit/http/raw_client.h"

namespace millrace::query_server_test {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kClose = " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";

HttpAnswer echo(const HttpRequest& request) {
  return {.body = "[" + request.arguments.at(0) + "]" + request.body, .content_type = "text/plain"};
}

HttpRoute route_of(std::string pattern, Right right) {
  return {.pattern = std::move(pattern),
          .right = right,
          .parameters = {{.name = "id"}},
          .handler = echo};
}

std::shared_ptr<engine::Reloaded<const engine::TokenTable>> tokens() {
  Result<engine::TokenTable> table = engine::TokenTable::parse(
      "reader read saltsalt " + engine::salted_hash("saltsalt", "r3ader") +
          "\nadmin raw,read x1234567 " + engine::salted_hash("x1234567", "s3cret") +
          "\nanonymous read",
      "test");
  EXPECT_TRUE(table.ok()) << table.message();
  return engine::Reloaded<const engine::TokenTable>::fixed(
      std::make_shared<const engine::TokenTable>(*std::move(table)));
}

class ServerTest : public ::testing::Test {
 protected:
  void start(QueryServerOptions options = {}) {
    options.threads = 2;
    options.tokens = tokens();
    options.metrics = &metrics_;
    server_.emplace(std::move(options));
    server_->route(route_of("/v1/accounts/{id}", Right::kRead));
    server_->route(route_of("/v1/rows/{id}", Right::kRaw));
    server_->route({.method = HttpMethod::kPost,
                    .pattern = "/v1/batches/{id}",
                    .parameters = {{.name = "id"}},
                    .body_meaning = "anything",
                    .body_bytes_max = 100,
                    .handler = echo});
    server_->route({.pattern = "/v1/live",
                    .right = Right::kNone,
                    .is_vital = true,
                    .handler = [](const HttpRequest&) { return HttpAnswer{.body = "alive"}; }});
    server_->route({.pattern = "/v1/large", .handler = [](const HttpRequest&) {
                      return HttpAnswer{.body = std::string(64 << 20, 'x')};
                    }});
    server_->route({.pattern = "/v1/waits", .handler = [this](const HttpRequest&) {
                      return HttpAnswer{.later = [this] {
                        gate_.wait();
                        return HttpAnswer{.body = "waited"};
                      }};
                    }});
    const Result<int> port = server_->start();
    EXPECT_TRUE(port.ok());
    port_ = *port;
  }
  /// The whole answer to one request on a connection of its own.
  std::string ask(const std::string& request) const {
    const RawClient client(port_);
    client.send(request);
    return client.read_all();
  }
  double refusals(std::string_view reason) { return metrics_.query_refusals(reason).value(); }

  std::latch gate_{1};
  Metrics metrics_{"test"};
  std::optional<QueryServer> server_;
  int port_ = 0;
};

TEST_F(ServerTest, AnswersSeveralRequestsOnAConnection) {
  start();
  const RawClient client(port_);
  client.send("GET /v1/accounts/one HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.read_until("[one]"), StartsWith("HTTP/1.1 200 OK"));
  client.send("GET /v1/accounts/two" + kClose + "\r\n");
  EXPECT_THAT(client.read_all(), HasSubstr("[two]"));
  EXPECT_EQ(metrics_.queries("/v1/accounts/{id}").value(), 2);
}

TEST_F(ServerTest, AnswersRequestsThatCameTogetherInTheirOrder) {
  start();
  const std::string answers =
      ask("GET /v1/accounts/one HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/accounts/two" + kClose +
          "\r\n");
  EXPECT_LT(answers.find("[one]"), answers.find("[two]"));
}

TEST_F(ServerTest, AnswersHeadWithoutABody) {
  start();
  const std::string answer = ask("HEAD /v1/accounts/one" + kClose + "\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5"));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, RefusesOtherMethodsBodiesAndNonsense) {
  start();
  for (const std::string& text :
       {"PUT /v1/accounts/a" + kClose + "Content-Length: 0\r\n\r\n",
        "GET /v1/accounts/a" + kClose + "Content-Length: 5\r\n\r\nhello",
        std::string("GET /v1/accounts/a HTTP/1.1\r\n\r\n"),
        std::string("\x16\x03\x01\x02hello there, this is not HTTP\r\n\r\n")}) {
    EXPECT_THAT(ask(text), StartsWith("HTTP/1.1 40")) << text;
  }
  EXPECT_EQ(refusals("malformed"), 4);
}

TEST_F(ServerTest, TakesTheBodyThatARouteAllowsAndNoLongerOne) {
  start();
  const std::string post = "POST /v1/batches/a" + kClose;
  EXPECT_THAT(ask(post + "Content-Length: 4\r\n\r\nbody"), HasSubstr("[a]body"));
  EXPECT_THAT(ask(post + "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"),
              HasSubstr("[a]body"));
  EXPECT_THAT(ask(post + "Content-Length: 101\r\n\r\n" + std::string(101, 'x')),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask(post + "Transfer-Encoding: chunked\r\n\r\n70\r\n" + std::string(0x70, 'x') +
                  "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerTest, AWebPageMayNotPost) {
  start();
  EXPECT_THAT(ask("POST /v1/accounts/a" + kClose + "Origin: http://elsewhere\r\n\r\n"),
              StartsWith("HTTP/1.1 403"));
  EXPECT_EQ(refusals("web_page"), 1);
  EXPECT_THAT(ask("POST /v1/accounts/a" + kClose + "\r\n"), StartsWith("HTTP/1.1 405"))
      << "the path is for GET";
}

TEST_F(ServerTest, AnswersOnlyToItsOwnNames) {
  start({.allowed_hosts = {"crm.example.com"}});
  const auto status_for = [&](const std::string& host) {
    return ask("GET /v1/accounts/a HTTP/1.1\r\nConnection: close\r\nHost: " + host + "\r\n\r\n")
        .substr(0, 12);
  };
  for (const char* host : {"localhost", "127.0.0.1:80", "[::1]:80", "CRM.example.com:8090"}) {
    EXPECT_EQ(status_for(host), "HTTP/1.1 200") << host;
  }
  EXPECT_EQ(status_for("attacker.example.com"), "HTTP/1.1 421");
  EXPECT_EQ(status_for("localhost\r\nHost: attacker.example.com"), "HTTP/1.1 400");
  EXPECT_EQ(refusals("host"), 1);
}

TEST_F(ServerTest, ATokenGivesItsOwnRightsOnly) {
  start();
  const std::string reader = "Authorization: Bearer r3ader\r\n\r\n";
  const std::string refused = ask("GET /v1/rows/a" + kClose + reader);
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(refused, HasSubstr("'raw'"));
  EXPECT_EQ(refusals("forbidden"), 1);
  EXPECT_THAT(ask("GET /v1/accounts/a" + kClose + reader), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, AnswersThatWaitDoNotHoldUpTheOthers) {
  start();
  // More than the server has threads of its own.
  std::vector<RawClient> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.emplace_back(port_);
    waiting.back().send("GET /v1/waits" + kClose + "\r\n");
  }
  EXPECT_THAT(ask("GET /v1/live" + kClose + "\r\n"), HasSubstr("alive"));
  gate_.count_down();
  for (const RawClient& client : waiting) EXPECT_THAT(client.read_all(), HasSubstr("waited"));
}

TEST_F(ServerTest, GuardedPathsAreForCallersWithTheToken) {
  start();
  for (const char* header : {"", "Authorization: Bearer other\r\n", "Authorization: s3cret\r\n"}) {
    const std::string answer = ask("GET /v1/rows/a" + kClose + header + "\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 401")) << header;
    EXPECT_THAT(answer, HasSubstr("WWW-Authenticate: Bearer"));
  }
  EXPECT_EQ(refusals("unauthorized"), 3);
  EXPECT_THAT(ask("GET /v1/rows/a" + kClose + "Authorization: Bearer s3cret\r\n\r\n"),
              HasSubstr("[a]"));
}

TEST_F(ServerTest, WithoutATokenAnEmptyOneIsNobodys) {
  QueryServer server({.threads = 1});
  server.route(route_of("/v1/rows/{id}", Right::kRaw));
  port_ = server.start().value();
  EXPECT_THAT(ask("GET /v1/rows/a" + kClose + "Authorization: Bearer \r\n\r\n"),
              StartsWith("HTTP/1.1 401"));
}

TEST_F(ServerTest, RefusesARequestHeadThatIsTooLong) {
  start();
  EXPECT_THAT(ask("GET /v1/accounts/" + std::string(20'000, 'a') + kClose + "\r\n"),
              AnyOf("", StartsWith("HTTP/1.1 431")));
}

TEST_F(ServerTest, IdleConnectionsLeaveRoomForProbes) {
  start({.connections_max = 3, .connections_per_address_max = 3});
  std::vector<RawClient> idle;
  for (int i = 0; i < 3; ++i) {
    idle.emplace_back(port_);
    idle.back().send("GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(idle.back().read_until("alive"), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_THAT(ask("GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n"), HasSubstr("alive"))
      << "one answer, then the connection is closed";
  const std::string other = ask("GET /v1/accounts/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(other, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(other, HasSubstr("Retry-After: "));
  EXPECT_EQ(refusals("reserved"), 1);
  idle.front().send("GET /v1/accounts/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(idle.front().read_until("[a]"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, CountsWhomItTurnsAway) {
  start({.connections_max = 1, .connections_per_address_max = 1});
  std::vector<RawClient> all;
  for (int i = 0; i < 1 + 8; ++i) {  // all there are, and the address's half of the reserve
    all.emplace_back(port_);
    all.back().send("G");
  }
  const RawClient late(port_);
  EXPECT_EQ(late.read_all(), "");
  EXPECT_EQ(refusals("address"), 1);
}

TEST_F(ServerTest, CutsOffARequestThatArrivesTooSlowly) {
  start({.request_timeout_ms = 100});
  const RawClient client(port_);
  client.send("GET /v1/acc");
  EXPECT_EQ(client.read_all(), "");
  const RawClient body(port_);
  body.send("POST /v1/batches/a" + kClose + "Content-Length: 50\r\n\r\nslow");
  EXPECT_EQ(body.read_all(), "");
}

TEST_F(ServerTest, CutsOffAReaderThatIsTooSlow) {
  start({.answer_timeout_ms = 100});
  const RawClient client(port_);
  client.send("GET /v1/large" + kClose + "\r\n");
  // Reads nothing until the server has given up: the connection leaves its counts.
  while (metrics_.query_connections().value() > 0 || metrics_.queries("/v1/large").value() < 1) {
    usleep(1'000);
  }
  EXPECT_LT(client.read_all().size(), size_t{64 << 20});
}

TEST_F(ServerTest, AnIdleConnectionEndsLaterThanASlowRequest) {
  start({.idle_timeout_ms = 100});
  const RawClient client(port_);
  client.send("GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(client.read_all(), HasSubstr("alive"));
}

TEST_F(ServerTest, DescribesItsRoutes) {
  start();
  const std::string answer = ask("GET /v1/openapi.json" + kClose + "\r\n");
  const auto document = nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
  for (const char* path : {"/v1/accounts/{id}", "/v1/rows/{id}", "/v1/openapi.json"}) {
    EXPECT_TRUE(document["paths"].contains(path)) << path;
  }
}

TEST_F(ServerTest, StopsWhileAClientIsConnected) {
  start();
  const RawClient client(port_);
  client.send("GET /v1/acc");
  server_->stop();
  server_->stop();
}

TEST(QueryServer, AnAddressThatCannotBeUsedIsAConfigError) {
  QueryServer server({.host = "not an address"});
  EXPECT_EQ(server.start().code(), ErrorCode::kConfig);
}

TEST_F(ServerTest, ALongAnswerIsPackedForWhoTakesIt) {
  start();
  const std::string packed =
      ask("GET /v1/large" + kClose + "Accept-Encoding: br, gzip;q=0.5\r\n\r\n");
  EXPECT_THAT(packed, HasSubstr("Content-Encoding: gzip\r\n"));
  const std::string body = packed.substr(packed.find("\r\n\r\n") + 4);
  EXPECT_LT(body.size(), 1U << 20);
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string whole(65 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(whole.data());
  stream.avail_out = static_cast<uInt>(whole.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.total_out, 64U << 20);
  inflateEnd(&stream);
  EXPECT_THAT(ask("GET /v1/accounts/a" + kClose + "Accept-Encoding: gzip\r\n\r\n"),
              HasSubstr("[a]"));
}

TEST(Gzip, IsUsedForWhoNamesIt) {
  for (const char* header : {"gzip", "GZIP", "br, gzip", "gzip;q=0.1,br", "deflate , gzip ; q=1"}) {
    EXPECT_TRUE(engine::accepts_gzip(header)) << header;
  }
  for (const char* header : {"", "br", "gzip;q=0", "gzip; q=0.000", "xgzip", "gzipped", "*"}) {
    EXPECT_FALSE(engine::accepts_gzip(header)) << header;
  }
}

}  // namespace millrace::query_server_test
