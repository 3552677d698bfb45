#include "millrace/engine/client.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "small_topologies.h"
#include "tests/unit/queries/served_cluster.h"

namespace millrace::engine::client_test {

using client::Client;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kKeys = 9;

Result<Topology> counting() {
  return scripted({.process = count_up, .with_store = true});
}

class ClientTest : public ServedCluster {
 protected:
  ClientTest() : ServedCluster(counting, 4) {}

  void start_two() {
    for (const char* name : {"a", "b"}) start(name);
    for (int i = 0; i < kKeys; ++i) cluster_.pipe("left", "k" + std::to_string(i), "v");
    settle();
  }
  std::unique_ptr<Client> open(const std::vector<std::string>& names) const {
    client::Options options;
    for (const std::string& name : names) {
      options.urls.push_back("http://127.0.0.1:" + std::to_string(ports_.at(name)));
    }
    auto opened = Client::open(std::move(options));
    EXPECT_TRUE(opened.ok()) << opened.message();
    return *std::move(opened);
  }
};

TEST_F(ClientTest, ReadsRowsOfAllInstancesFromOne) {
  start_two();
  const auto asked = open({"a"});
  for (int i = 0; i < kKeys; ++i) {
    const auto row = asked->row_as<std::string, std::string>("rows", "k" + std::to_string(i));
    ASSERT_TRUE(row.ok()) << row.message();
    ASSERT_TRUE(*row);
    EXPECT_EQ((*row)->value(), "1");
    EXPECT_EQ((*row)->timestamp_ms(), 1'000);
  }
  const auto none = asked->row("rows", Bytes("k& %\xff"));
  ASSERT_TRUE(none.ok()) << none.message();
  EXPECT_FALSE(*none);
  EXPECT_EQ(asked->row("nothing", Bytes("k")).code(), ErrorCode::kInvalidArgument);
}

TEST_F(ClientTest, ReadsPagesInBothOrders) {
  start_two();
  const auto asked = open({"b"});
  client::RowsQuestion question{.from = "k2", .to = "k7", .is_descending = true, .rows_max = 2};
  std::vector<std::string> keys;
  do {
    const auto page = asked->rows("rows", question);
    ASSERT_TRUE(page.ok()) << page.message();
    for (const client::StoredRow& row : page->rows) keys.push_back(row.key);
    question.page = page->next;
  } while (!question.page.empty());
  EXPECT_THAT(keys, ElementsAre("k6", "k5", "k4", "k3", "k2"));
}

TEST_F(ClientTest, ReadsRowsAsJson) {
  start_two();
  const auto asked = open({"a"});
  const auto row = asked->json_row("rows", Bytes("k1"));
  ASSERT_TRUE(row.ok()) << row.message();
  ASSERT_TRUE(*row);
  EXPECT_THAT(**row, HasSubstr(R"("key":"k1","value":"1",)"));
  EXPECT_FALSE(*asked->json_row("rows", Bytes("unknown")));
  client::RowsQuestion question{.prefix = "k", .rows_max = 4};
  std::vector<std::string> rows;
  do {
    const auto page = asked->json_rows("rows", question);
    ASSERT_TRUE(page.ok()) << page.message();
    rows.insert(rows.end(), page->rows.begin(), page->rows.end());
    question.page = page->next;
  } while (!question.page.empty());
  ASSERT_EQ(rows.size(), static_cast<size_t>(kKeys));
  EXPECT_THAT(rows.front(), ::testing::StartsWith(R"({"key":"k0","value":"1","timestamp_ms":)"));
}

TEST_F(ClientTest, AnotherServerTakesOver) {
  start_two();
  const auto asked = open({"b", "a"});
  ASSERT_TRUE(asked->get("/v1/topology").ok());
  kill("b");
  for (int i = 0; i < 50; ++i) {
    cluster_.clock.advance(1'000);
    ASSERT_TRUE(cluster_.turn(5).ok());
  }
  const auto row = asked->row("rows", Bytes("k1"));
  ASSERT_TRUE(row.ok()) << row.message();
  EXPECT_EQ((*row)->value, "1");
}

/// It takes connections and answers nothing.
TEST_F(ClientTest, AFrozenServerLeavesTimeForTheOthers) {
  start_two();
  const int frozen = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(frozen, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(frozen, 5), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(frozen, reinterpret_cast<sockaddr*>(&address), &size), 0);
  client::Options options{.urls = {"http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
                                   "http://127.0.0.1:" + std::to_string(ports_.at("a"))},
                          .timeout_ms = 3'000};
  const auto asked = Client::open(std::move(options));
  ASSERT_TRUE(asked.ok());
  const auto row = (*asked)->row("rows", Bytes("k1"));
  EXPECT_TRUE(row.ok()) << row.message();
  ::close(frozen);
}

TEST_F(ClientTest, CarriesThePositionFromAnswerToQuestion) {
  answer_timeout_ms_ = 500;
  start_two();
  const auto asked = open({"a"});
  ASSERT_TRUE(asked->row("rows", Bytes("k1")).ok());
  EXPECT_THAT(asked->position(), HasSubstr("left:"));
  const auto health = asked->get("/v1/health");
  EXPECT_TRUE(health.ok()) << "a path that takes no position: " << health.message();
  ASSERT_TRUE(asked->include("left", 0, 1'000'000).ok());
  const auto late = asked->row("rows", Bytes("k1"));
  bool is_late = !late.ok();
  for (int i = 2; i < kKeys && !is_late; ++i) {
    is_late = !asked->row("rows", Bytes("k" + std::to_string(i))).ok();
  }
  EXPECT_TRUE(is_late) << "no state of partition 0 includes that offset";
  EXPECT_EQ(asked->include("nonsense").code(), ErrorCode::kInvalidArgument);
}

TEST(ClientOptions, NeedUrls) {
  for (const std::vector<std::string>& urls :
       {std::vector<std::string>{}, {"127.0.0.1:1"}, {"http://"}, {"ftp://a:1"}, {"http://a:b"}}) {
    EXPECT_EQ(Client::open({.urls = urls}).code(), ErrorCode::kInvalidArgument);
  }
  for (const char* url :
       {"http://127.0.0.1:1/", "http://a", "https://a.example.com", "http://[::1]"}) {
    EXPECT_TRUE(Client::open({.urls = {url}}).ok()) << url;
  }
  const auto away = Client::open({.urls = {"http://127.0.0.1:1"}, .timeout_ms = 1'000});
  EXPECT_EQ((*away)->get("/v1/live").code(), ErrorCode::kRetriable);
}

}  // namespace millrace::engine::client_test
