#include "millrace/engine/query_server.h"

#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/queries/query_server_router.h"

namespace millrace::query_server_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

HttpAnswer echo(const HttpRequest& request) {
  std::string body;
  for (const std::string& argument : request.arguments) body += "[" + argument + "]";
  for (const auto& [name, value] : request.parameters) body += "<" + name + "=" + value + ">";
  return {.body = body, .content_type = "text/plain"};
}

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    router_.add(HttpMethod::kGet, "/v1/accounts/{id}", echo);
    router_.add(HttpMethod::kGet, "/v1/health", echo);
    router_.add(HttpMethod::kGet, "/v1/fails", [](const HttpRequest&) -> HttpAnswer {
      throw std::runtime_error("secret detail");
    });
  }
  engine::Router router_;
};

TEST_F(RouterTest, DecodesSegmentsAfterSplitting) {
  EXPECT_EQ(router_.answer(HttpMethod::kGet, "/v1/accounts/ror%3Aab%2Fcd").body, "[ror:ab/cd]");
  EXPECT_EQ(router_.answer(HttpMethod::kGet, "/v1/accounts/a+b").body, "[a+b]");
  EXPECT_EQ(router_.answer(HttpMethod::kGet, "/v1/accounts/%00").body, std::string("[\0]", 3));
}

TEST_F(RouterTest, DecodesParameters) {
  EXPECT_EQ(router_.answer(HttpMethod::kGet, "/v1/health?a=1+2&b=%26&c").body, "<a=1 2><b=&><c=>");
}

TEST_F(RouterTest, RefusesBrokenEscapes) {
  for (const char* target :
       {"/v1/accounts/%", "/v1/accounts/%4", "/v1/accounts/%zz", "/v1/health?a=%4", "*", ""}) {
    EXPECT_EQ(router_.answer(HttpMethod::kGet, target).status, 400U) << target;
  }
}

TEST_F(RouterTest, UnknownPathsAre404) {
  for (const char* target :
       {"/", "/v1", "/v1/accounts", "/v1/accounts/", "/v1/accounts/a/b", "/v1/../health"}) {
    EXPECT_EQ(router_.answer(HttpMethod::kGet, target).status, 404U) << target;
  }
}

TEST_F(RouterTest, APathAnswersItsOwnMethodOnly) {
  router_.add(HttpMethod::kPost, "/v1/pause",
              [](const HttpRequest&) { return HttpAnswer{.body = "paused"}; });
  EXPECT_EQ(router_.answer(HttpMethod::kPost, "/v1/pause").body, "paused");
  EXPECT_EQ(router_.answer(HttpMethod::kGet, "/v1/pause").status, 405U);
  EXPECT_EQ(router_.answer(HttpMethod::kPost, "/v1/health").status, 405U);
}

TEST_F(RouterTest, AnExceptionIsA500WithoutItsText) {
  const HttpAnswer answer = router_.answer(HttpMethod::kGet, "/v1/fails");
  EXPECT_EQ(answer.status, 500U);
  EXPECT_THAT(answer.body, ::testing::Not(HasSubstr("secret")));
}

TEST(ErrorAnswer, IsJsonWhateverTheBytes) {
  EXPECT_EQ(error_answer(404, "a\"b\xff").body, "{\"error\":\"a\\\"b\xef\xbf\xbd\"}\n");
  EXPECT_EQ(error_answer(Error{ErrorCode::kRetriable, "x"}).status, 503U);
}

/// A connection that sends exactly the given bytes.
class Client {
 public:
  explicit Client(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval timeout{.tv_sec = 5, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(const std::string& text) const {
    EXPECT_GE(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL), 0);
  }
  /// Up to the given text, or the end of the stream.
  std::string read_until(const std::string& end) const {
    std::string text;
    char c = 0;
    while (text.find(end) == std::string::npos && ::recv(socket_, &c, 1, 0) == 1) text += c;
    return text;
  }
  std::string read_all() const { return read_until(std::string(1, '\xff') + "never"); }

 private:
  int socket_;
};

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() : server_({.threads = 2, .token = "s3cret"}) {
    server_.route("/v1/accounts/{id}", echo);
    server_.route("/v1/rows/{id}", guarded(RowAccess::kTrusted, echo));
    const Result<int> port = server_.start();
    EXPECT_TRUE(port.ok());
    port_ = *port;
  }
  QueryServer server_;
  int port_ = 0;
};

TEST_F(ServerTest, AnswersSeveralRequestsOnAConnection) {
  const Client client(port_);
  client.send("GET /v1/accounts/one HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.read_until("[one]"), StartsWith("HTTP/1.1 200 OK"));
  client.send("GET /v1/accounts/two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), HasSubstr("[two]"));
}

TEST_F(ServerTest, AnswersHeadWithoutABody) {
  const Client client(port_);
  client.send("HEAD /v1/accounts/one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5"));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, RefusesOtherMethodsBodiesAndNonsense) {
  for (const char* text : {"PUT /v1/accounts/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                           "GET /v1/accounts/a HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
                           "\x16\x03\x01\x02hello there, this is not HTTP\r\n\r\n"}) {
    const Client client(port_);
    client.send(text);
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 40")) << text;
  }
}

TEST_F(ServerTest, AWebPageMayNotPost) {
  const std::string post = "POST /v1/accounts/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  const Client page(port_);
  page.send(post + "Origin: http://elsewhere\r\n\r\n");
  EXPECT_THAT(page.read_all(), StartsWith("HTTP/1.1 403"));
  const Client tool(port_);
  tool.send(post + "\r\n");
  EXPECT_THAT(tool.read_all(), StartsWith("HTTP/1.1 405")) << "the path is for GET";
}

TEST_F(ServerTest, GuardedPathsAreForCallersWithTheToken) {
  const std::string get = "GET /v1/rows/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
  for (const char* header : {"", "Authorization: Bearer other\r\n", "Authorization: s3cret\r\n"}) {
    const Client client(port_);
    client.send(get + header + "\r\n");
    const std::string answer = client.read_all();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 401")) << header;
    EXPECT_THAT(answer, HasSubstr("WWW-Authenticate: Bearer"));
  }
  const Client trusted(port_);
  trusted.send(get + "Authorization: Bearer s3cret\r\n\r\n");
  EXPECT_THAT(trusted.read_all(), HasSubstr("[a]"));
}

TEST(QueryServer, WithoutATokenNobodyIsTrusted) {
  QueryServer server({.threads = 1});
  server.route("/v1/rows/{id}", guarded(RowAccess::kTrusted, echo));
  const Result<int> port = server.start();
  ASSERT_TRUE(port.ok());
  const Client client(*port);
  client.send(
      "GET /v1/rows/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer \r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 401"));
}

TEST_F(ServerTest, RefusesARequestHeadThatIsTooLong) {
  const Client client(port_);
  client.send("GET /v1/accounts/" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n"), ::testing::AnyOf("", StartsWith("HTTP/1.1 400")));
}

TEST_F(ServerTest, StopsWhileAClientIsConnected) {
  const Client client(port_);
  client.send("GET /v1/acc");
  server_.stop();
  server_.stop();
}

TEST(QueryServer, AnAddressThatCannotBeUsedIsAConfigError) {
  QueryServer server({.host = "not an address"});
  EXPECT_EQ(server.start().code(), ErrorCode::kConfig);
}

}  // namespace millrace::query_server_test
