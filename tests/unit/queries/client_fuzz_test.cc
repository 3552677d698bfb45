// Whatever a server answers, the C++ client gives a value or an error.
#include <algorithm>
#include <iterator>
#include <mutex>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/engine/client.h"

#include "engine/client/event_parser.h"
#include "engine/client/position_token.h"
#include "tests/unit/mutator.h"
#include "tests/unit/snapshot/peer.h"

namespace millrace::engine::client_fuzz_test {

using client::Client;
using ::testing::AnyOf;

constexpr const char* kHeaders =
    "Connection: close\r\nContent-Type: application/json\r\n"
    "Millrace-Position: left:0:12,left:1:7\r\n";

struct Said {
  const char* status;
  const char* body;
};
constexpr Said kSaid[] = {
    {"200 OK", R"({"key_hex":"6b31","value_hex":"0000000000000007","timestamp_ms":1000})"},
    {"200 OK", R"({"rows":[{"key_hex":"6b31","value_hex":"31","timestamp_ms":1},)"
               R"({"key_hex":"6b32","value_hex":"","timestamp_ms":2}],"next":"6b33"})"},
    {"200 OK", R"({"rows":[{"key":"k1","value":{"name":"Acme","n":[1,2.5,null]},)"
               R"("timestamp_ms":1,"indexed":"a"}],"next":null})"},
    {"404 Not Found", R"({"error":"store 'rows' has no such row"})"},
    {"400 Bad Request", R"({"error":"limit: not a number"})"},
    {"401 Unauthorized", R"({"error":"a token is missing"})"},
    {"409 Conflict", R"({"error":"the index is being built: 12 of 100 rows"})"},
    {"503 Service Unavailable", R"({"error":"the owner is away"})"}};

/// Values of other types than are expected, and some that are none.
constexpr const char* kTokens[] = {"null",   "-1",          "1e400",    "9223372036854775808",
                                   "[]",     "{}",          "true",     "\"\"",
                                   "\"zz\"", "\"\\ud800\"", "[[[[[[[[", "\"\xff\""};

/// Makes answers that are nearly right.
class Answers {
 public:
  explicit Answers(uint32_t seed) : mutator_(seed) {}

  /// Never empty, which a peer would take for silence.
  std::string next() {
    const Said& said = any();
    std::string body = said.body;
    for (size_t i = mutator_.up_to(2); i > 0; --i) put_token(body);
    if (mutator_.up_to(2) == 0) body = mutator_.mutate(body, any().body).value_or("");
    std::string answer = mutator_.up_to(3) == 0 ? in_chunks(said.status, body)
                                                : http_answer(body, said.status, kHeaders);
    if (mutator_.up_to(2) == 0) {
      const Said& other = any();
      answer =
          mutator_.mutate(answer, http_answer(other.body, other.status, kHeaders)).value_or("");
    }
    return answer.empty() ? "H" : answer;
  }

 private:
  const Said& any() { return kSaid[mutator_.up_to(std::size(kSaid) - 1)]; }

  /// In place of a member's value.
  void put_token(std::string& body) {
    const size_t colon = body.find(':', mutator_.up_to(body.size()));
    if (colon == std::string::npos) return;
    const size_t end = std::min(body.find_first_of(",}]", colon), body.size());
    body.replace(colon + 1, end - colon - 1, kTokens[mutator_.up_to(std::size(kTokens) - 1)]);
  }

  static std::string in_chunks(const char* status, const std::string& body) {
    std::string answer =
        fmt::format("HTTP/1.1 {}\r\nTransfer-Encoding: chunked\r\n{}\r\n", status, kHeaders);
    const size_t half = body.size() / 2;
    for (const std::string& chunk : {body.substr(0, half), body.substr(half), std::string()}) {
      answer += fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
    }
    return answer;
  }

  Mutator mutator_;
};

/// Asks one of all kinds of questions, and uses the answer.
Status ask(Client& asked, int kind) {
  switch (kind % 6) {
    case 0:
      return asked.get("/v1/topology").status();
    case 1: {
      const auto row = asked.row_as<std::string, int64_t>("rows", "k1");
      if (row.ok() && *row) {
        EXPECT_EQ((*row)->key(), "k1") << (*row)->value();
      }
      return row.status();
    }
    case 2:
      return asked.rows("rows", {.prefix = "k"}).status();
    case 3:
      return asked.json_row("rows", Bytes("k1")).status();
    case 4:
      return asked.json_rows("rows", {.prefix = "k"}).status();
    default:
      return asked.json_rows_by("rows", "by", {.value = "a"}).status();
  }
}

TEST(ClientFuzz, AnyAnswerIsAValueOrADocumentedError) {
  constexpr int kAnswers = 60;
  int values = 0;
  int errors = 0;
  for (uint32_t seed = 1; seed <= 16; ++seed) {
    SCOPED_TRACE(seed);
    Answers answers(seed);
    std::mutex mutex;
    std::string answer;
    Peer peer([&](const std::string&) {
      const std::lock_guard lock(mutex);
      return answer;
    });
    const auto asked = Client::open({.urls = {"http://" + peer.endpoint()}, .timeout_ms = 5'000});
    ASSERT_TRUE(asked.ok()) << asked.message();
    for (int i = 0; i < kAnswers; ++i) {
      {
        const std::lock_guard lock(mutex);
        answer = answers.next();
      }
      const Status status = ask(**asked, i);
      ++(status.ok() ? values : errors);
      if (status.ok()) continue;
      EXPECT_THAT(status.code(), AnyOf(ErrorCode::kRetriable, ErrorCode::kTimedOut,
                                       ErrorCode::kRefused, ErrorCode::kInvalidArgument,
                                       ErrorCode::kNotReady, ErrorCode::kInvalidRecord))
          << answer << "\n"
          << status.message();
    }
  }
  EXPECT_GT(values, 100);
  EXPECT_GT(errors, 200);
}

TEST(ClientFuzz, AnIdThatNoHeaderHoldsEndsAWatchWithAnError) {
  const std::string id(70'000, '1');
  Peer peer([&](const std::string&) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: " + id + "\ndata: {}\n\n";
  });
  const auto asked = Client::open({.urls = {"http://" + peer.endpoint()}, .timeout_ms = 5'000});
  ASSERT_TRUE(asked.ok());
  const auto take = [](const client::Event&) { return true; };
  EXPECT_EQ((*asked)->watch({.path = "/v1/any"}, take).code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ((*asked)->watch({.path = "/v1/any", .from = id}, take).code(),
            ErrorCode::kInvalidArgument);
}

TEST(ClientFuzz, AnyBytesOfAStreamAreEventsOrAnError) {
  constexpr size_t kBytesMax = 120;
  const std::string stream =
      ":open\n\nevent: row\nid: left:0:12;0123456789abcdef\ndata: {\"key\":\"k\"}\ndata: 2\n\n";
  const std::string other = "event: end\r\ndata\r\n\r\nid\nunknown: x\n\n" + std::string(150, 'x');
  Mutator mutator(3);
  size_t events = 0;
  size_t errors = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes = mutator.mutate(stream, other).value_or("");
    bytes += mutator.mutate(other, stream).value_or("");
    client::EventParser parser(kBytesMax);
    for (size_t at = 0; at < bytes.size();) {
      const size_t piece = mutator.up_to(60) + 1;
      const auto read = parser.add(std::string_view(bytes).substr(at, piece));
      at += piece;
      if (!read.ok()) {
        ASSERT_EQ(read.code(), ErrorCode::kInvalidRecord);
        ++errors;
        break;
      }
      for (const client::Event& event : *read) ASSERT_LE(event.data.size(), kBytesMax);
      events += read->size();
    }
  }
  EXPECT_GT(events, 1'000U);
  EXPECT_GT(errors, 100U);
}

TEST(ClientFuzz, APositionThatIsTakenIsTheSameAfterItIsWritten) {
  Mutator mutator(5);
  size_t taken = 0;
  size_t refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string token =
        mutator.mutate("left:0:12,left:1:7;0123456789abcdef", "crm.redirects:3:9007199254740992")
            .value_or("");
    const Result<NextOffsets> next = parse_position_token(token);
    ++(next.ok() ? taken : refused);
    if (!next.ok()) continue;
    const Result<NextOffsets> again = parse_position_token(position_token(*next));
    ASSERT_TRUE(again.ok()) << token;
    ASSERT_TRUE(includes(*again, *next) && includes(*next, *again)) << token;
  }
  EXPECT_GT(taken, 500U);
  EXPECT_GT(refused, 500U);
}

}  // namespace millrace::engine::client_fuzz_test
