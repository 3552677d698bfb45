#include "millrace/engine/client.h"

#include <chrono>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "engine/base/hexadecimal.h"
#include "engine/client/event_parser.h"
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

/// Reads the counts of a row on a thread of its own.
class Watcher {
 public:
  Watcher(Client& client, std::string key, std::string from = {}, size_t events_max = SIZE_MAX)
      : thread_([this, &client, key = std::move(key), from = std::move(from), events_max] {
          const client::WatchQuestion question{.path = "/v1/stores/rows/changes",
                                               .parameters = {{"key", key}},
                                               .from = from,
                                               .stop = stop_.get_token()};
          status_ = client.watch(question, [&](const client::Event& event) {
            const std::lock_guard lock(mutex_);
            events_.push_back(event);
            return events_.size() < events_max;
          });
        }) {}

  /// Until the count came, or a while has passed.
  bool waits_for(const std::string& count) {
    const std::string wanted = "\"value\":\"" + count + "\"";
    for (int i = 0; i < 1'000; ++i) {
      for (const client::Event& event : events()) {
        if (event.name == "row" && event.data.find(wanted) != std::string::npos) return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  std::vector<client::Event> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  Status end() {
    thread_.join();
    return status_;
  }
  Status stop() {
    stop_.request_stop();
    return end();
  }

 private:
  std::mutex mutex_;
  std::vector<client::Event> events_;
  std::stop_source stop_;
  Status status_;
  std::jthread thread_;
};

TEST_F(ClientTest, AWatchContinuesAtAnotherServer) {
  start_two();
  const auto asked = open({"b", "a"});
  Watcher watcher(*asked, "k1");
  EXPECT_TRUE(watcher.waits_for("1"));
  kill("b");
  for (int i = 0; i < 50; ++i) {
    cluster_.clock.advance(1'000);
    ASSERT_TRUE(cluster_.turn(5).ok());
  }
  cluster_.pipe("left", "k1", "v");
  settle();
  EXPECT_TRUE(watcher.waits_for("2"));
  EXPECT_EQ(watcher.events().size(), 2) << "it continued from the first";
  EXPECT_THAT(asked->position(), HasSubstr("left:"));
  EXPECT_EQ(watcher.stop().code(), ErrorCode::kAborted);
}

TEST_F(ClientTest, AWatchEndsWhenItsCallerSaysSo) {
  start_two();
  const auto asked = open({"a"});
  Watcher watcher(*asked, "k1", {}, 1);
  EXPECT_TRUE(watcher.end().ok());
  ASSERT_EQ(watcher.events().size(), 1);
  Watcher later(*asked, "k1", watcher.events().front().id, 1);
  cluster_.pipe("left", "k1", "v");
  settle();
  EXPECT_TRUE(later.end().ok());
  EXPECT_THAT(later.events().front().data, HasSubstr("\"value\":\"2\""));
}

TEST_F(ClientTest, AWatchOfNothingIsAnError) {
  start_two();
  const auto asked = open({"a"});
  const auto take = [](const client::Event&) { return false; };
  EXPECT_EQ(asked->watch({.path = "/v1/nowhere"}, take).code(), ErrorCode::kNotFound);
  EXPECT_EQ(asked->watch({.path = "/v1/stores/rows/changes"}, take).code(),
            ErrorCode::kInvalidArgument);
  const auto away = Client::open({.urls = {"http://127.0.0.1:1"}, .timeout_ms = 300});
  EXPECT_EQ((*away)->watch({.path = "/v1/any"}, take).code(), ErrorCode::kRetriable);
}

TEST(EventParser, ReadsEventsFromAnyPieces) {
  const std::string text =
      ":open\n\nevent: row\r\nid: one\r\ndata: a\r\ndata:b\r\n\r\nunknown: x\ndata\n\nevent: "
      "nothing\n\nid: two\ndata: c\n\n";
  for (size_t piece = 1; piece < text.size(); ++piece) {
    client::EventParser parser(100);
    std::vector<client::Event> events;
    for (size_t at = 0; at < text.size(); at += piece) {
      const auto read = parser.add(std::string_view(text).substr(at, piece));
      ASSERT_TRUE(read.ok());
      events.insert(events.end(), read->begin(), read->end());
    }
    ASSERT_EQ(events.size(), 3);
    EXPECT_EQ(events[0].name, "row");
    EXPECT_EQ(events[0].data, "a\nb");
    EXPECT_EQ(events[1].name, "");
    EXPECT_EQ(events[1].id, "one");
    EXPECT_EQ(events[1].data, "");
    EXPECT_EQ(events[2].id, "two");
    EXPECT_EQ(events[2].data, "c");
  }
  client::EventParser parser(100);
  EXPECT_EQ(parser.add(std::string(101, 'x')).code(), ErrorCode::kInvalidRecord);
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
