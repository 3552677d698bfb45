// Streams of server-sent events over real sockets.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"
#include "millrace/engine/query_server.h"

#include "engine/http/event_feed.h"
#include "engine/http/token_table.h"
#include "engine/secrets/bearer.h"
#include "tests/unit/awaited.h"
#include "tests/unit/http/raw_client.h"
#include "tests/unit/temp_directory.h"

namespace millrace::event_streams_test {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::chrono::seconds kPatience{30};

/// Has the events that the test puts in.
class Source final : public HttpEventSource {
 public:
  void start(std::function<void()> wake) override {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }
  Made make() override {
    std::unique_lock lock(mutex_);
    if (events_.empty()) return {};
    Made made = std::move(events_.front());
    events_.pop_front();
    if (!events_.empty()) wake_();
    has_made_ = true;
    has_changed_.notify_all();
    has_changed_.wait_for(lock, kPatience, [this] { return !is_held_; });
    return made;
  }
  std::string first_id() const override { return "first"; }

  void put(Made made) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(made));
    if (wake_) wake_();
  }
  void put(const std::string& id, std::string data) {
    put({.event = HttpEvent{.name = "row", .id = id, .data = std::move(data)}});
  }
  /// Keeps the next event, made, until `release`.
  void hold() {
    const std::lock_guard lock(mutex_);
    is_held_ = true;
  }
  bool wait_until_made() {
    std::unique_lock lock(mutex_);
    return has_changed_.wait_for(lock, kPatience, [this] { return has_made_; });
  }
  void release() {
    const std::lock_guard lock(mutex_);
    is_held_ = false;
    has_changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable has_changed_;
  bool is_held_ = false;
  bool has_made_ = false;
  std::function<void()> wake_;
  std::deque<Made> events_;
};

class EventStreamsTest : public ::testing::Test {
 protected:
  void start(QueryServerOptions options = {}) {
    options.threads = 2;
    server_.emplace(std::move(options));
    server_->route({.pattern = "/v1/changes",
                    .content_type = "text/event-stream",
                    .handler = [this](const HttpRequest& request) {
                      last_event_id_ = request.last_event_id;
                      return HttpAnswer{.events = source_};
                    }});
    server_->route({.pattern = "/v1/plain",
                    .handler = [](const HttpRequest&) { return HttpAnswer{.body = "plain"}; }});
    const Result<int> port = server_->start();
    ASSERT_TRUE(port.ok());
    port_ = *port;
  }
  RawClient ask(const std::string& method = "GET", const std::string& version = "1.1",
                const std::string& fields = {}) const {
    RawClient client(port_);
    client.send(method + " /v1/changes HTTP/" + version + "\r\nHost: localhost\r\n" + fields +
                "\r\n");
    return client;
  }

  const std::shared_ptr<Source> source_ = std::make_shared<Source>();
  std::string last_event_id_;
  std::optional<QueryServer> server_;
  int port_ = 0;
};

TEST_F(EventStreamsTest, SendsEventsInChunksAsTheyCome) {
  start();
  const RawClient client = ask("GET", "1.1", "Last-Event-ID: seven\r\nAccept-Encoding: gzip\r\n");
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(head, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(head, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(last_event_id_, "seven");
  EXPECT_EQ(client.read_until("\n\n\r\n"), "7\r\n:open\n\n\r\n");
  source_->put("one", "a\nb");
  EXPECT_EQ(client.read_until("\n\n\r\n"), "24\r\nevent: row\nid: one\ndata: a\ndata: b\n\n\r\n");
  source_->put({.event = {}, .is_last = true});
  EXPECT_THAT(client.read_all(), EndsWith("event: end\nid: one\ndata: {}\n\n\r\n0\r\n\r\n"));
}

TEST_F(EventStreamsTest, CommentsKeepAnIdleStreamAlive) {
  start({.keep_alive_ms = 20});
  const RawClient client = ask();
  client.read_until(":open\n\n");
  EXPECT_THAT(client.read_until(":\n\n"), EndsWith(":\n\n"));
  EXPECT_THAT(client.read_until(":\n\n"), EndsWith(":\n\n"));
}

TEST_F(EventStreamsTest, TriesAgainWhenTheSourceWantsIt) {
  start();
  source_->put({.event = {}, .again_in = std::chrono::milliseconds(10)});
  const RawClient client = ask();
  client.read_until(":open\n\n");
  source_->put("one", "a");
  EXPECT_THAT(client.read_until("data: a\n"), HasSubstr("id: one"));
}

TEST_F(EventStreamsTest, AnswersHeadWithoutAStream) {
  start();
  const RawClient client = ask("HEAD", "1.1", "Connection: close\r\n");
  const std::string head = client.read_all();
  EXPECT_THAT(head, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST_F(EventStreamsTest, AnOldClientGetsTheEventsUntilTheConnectionEnds) {
  start();
  source_->put("one", "a");
  source_->put({.event = {}, .is_last = true});
  const std::string answer = ask("GET", "1.0").read_all();
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\n:open\n\nevent: row\nid: one\ndata: a\n\nevent: end\n"));
}

TEST_F(EventStreamsTest, OpenStreamsAreCounted) {
  Metrics metrics("app");
  start({.streams_max = 1, .metrics = &metrics});
  {
    const RawClient first = ask();
    first.read_until(":open\n\n");
    EXPECT_EQ(metrics.query_streams().value(), 1);
    EXPECT_THAT(ask().read_until("\r\n\r\n"), StartsWith("HTTP/1.1 503"));
    EXPECT_EQ(metrics.query_streams().value(), 1) << "who was refused has no stream";
  }
  EXPECT_TRUE(awaited([&] { return metrics.query_streams().value() == 0; }, "no stream is open"));
  server_.reset();
}

TEST_F(EventStreamsTest, MoreStreamsThanAllowedAreRefused) {
  start({.streams_max = 1});
  {
    const RawClient first = ask();
    first.read_until(":open\n\n");
    EXPECT_THAT(ask().read_until("\r\n\r\n"), StartsWith("HTTP/1.1 503"));
  }
  std::string head;
  for (int i = 0; i < 1'000 && !head.starts_with("HTTP/1.1 200"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    head = ask().read_until("\r\n\r\n");
  }
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200")) << "the caller has gone, and his place is free";
}

constexpr size_t kMoreThanSocketsHold = 64 << 20;

TEST_F(EventStreamsTest, AReaderWhoIsTooSlowIsCutOffWithTheId) {
  start({.event_timeout_ms = 2'000});
  const RawClient client = ask();
  client.read_until(":open\n\n");
  source_->put("one", std::string(kMoreThanSocketsHold, 'x'));
  source_->put("two", "y");
  std::this_thread::sleep_for(std::chrono::milliseconds(2'100));
  const std::string answer = client.read_all();
  EXPECT_THAT(answer.substr(answer.size() - 100),
              EndsWith("x\n\n\r\n1d\r\nevent: cut\nid: one\ndata: {}\n\n\r\n0\r\n\r\n"));
}

TEST_F(EventStreamsTest, AReaderWhoTakesNothingLosesTheConnection) {
  start({.streams_max = 1, .event_timeout_ms = 100});
  const RawClient client = ask();
  client.read_until(":open\n\n");
  source_->put("one", std::string(kMoreThanSocketsHold, 'x'));
  std::string head;
  for (int i = 0; i < 1'000 && !head.starts_with("HTTP/1.1 200"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    head = ask().read_until("\r\n\r\n");
  }
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200")) << "the place is free";
  EXPECT_LT(client.read_all().size(), kMoreThanSocketsHold);
}

TEST_F(EventStreamsTest, AStopEndsStreamsAndIdleConnections) {
  start();
  const RawClient stream = ask();
  stream.read_until(":open\n\n");
  const RawClient idle(port_);
  idle.send("GET /v1/plain HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_THAT(idle.read_until("plain"), EndsWith("plain"));
  std::jthread stop([this] { server_->stop(); });
  EXPECT_THAT(stream.read_all(), EndsWith("event: end\nid: first\ndata: {}\n\n\r\n0\r\n\r\n"));
  EXPECT_EQ(idle.read_all(), "");
}

/// A file of one caller with this token.
void write_tokens(const std::filesystem::path& file, const std::string& token) {
  const std::filesystem::path fresh = file.string() + ".new";
  std::ofstream(fresh) << "reader read saltsalt " << engine::salted_hash("saltsalt", token) << "\n";
  std::filesystem::permissions(fresh, std::filesystem::perms::owner_read);
  std::filesystem::rename(fresh, file);
}

TEST_F(EventStreamsTest, AStreamEndsWhenItsTokenIsWithdrawn) {
  const TempDirectory directory;
  const std::filesystem::path file = directory.path() / "tokens";
  write_tokens(file, "r3ader");
  auto tokens = follow_token_file(file);
  ASSERT_TRUE(tokens.ok()) << tokens.message();
  start({.tokens = *tokens, .keep_alive_ms = 20});
  const RawClient client = ask("GET", "1.1", "Authorization: Bearer r3ader\r\n");
  EXPECT_THAT(client.read_until(":\n\n"), EndsWith(":\n\n"));
  write_tokens(file, "another");
  EXPECT_THAT(client.read_all(), HasSubstr("event: end\nid: first\n"));
}

TEST_F(EventStreamsTest, AnEventThatWasMadeBeforeItsTokenWasWithdrawnIsNotSent) {
  const TempDirectory directory;
  const std::filesystem::path file = directory.path() / "tokens";
  write_tokens(file, "r3ader");
  auto tokens = follow_token_file(file);
  ASSERT_TRUE(tokens.ok()) << tokens.message();
  start({.tokens = *tokens});
  const std::string token = "Authorization: Bearer r3ader\r\n";
  const RawClient client = ask("GET", "1.1", token);
  client.read_until(":open\n\n");
  source_->hold();
  source_->put("one", "a");
  ASSERT_TRUE(source_->wait_until_made());
  write_tokens(file, "another");
  std::string head;
  for (int i = 0; i < 1'000 && !head.starts_with("HTTP/1.1 401"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const RawClient plain(port_);
    plain.send("GET /v1/plain HTTP/1.1\r\nHost: localhost\r\n" + token + "\r\n");
    head = plain.read_until("\r\n\r\n");
  }
  ASSERT_THAT(head, StartsWith("HTTP/1.1 401")) << "the server has read the file again";
  source_->release();
  EXPECT_THAT(client.read_all(),
              AllOf(HasSubstr("event: end\nid: first\n"), Not(HasSubstr("event: row"))));
}

TEST_F(EventStreamsTest, APromisedAnswerComesFromAnyThread) {
  std::jthread other;
  start();
  server_.emplace(QueryServerOptions{.threads = 1});
  server_->route({.pattern = "/v1/promise", .handler = [&](const HttpRequest&) {
                    return HttpAnswer{.promised = [&](std::function<void(HttpAnswer)> give) {
                      other = std::jthread([give = std::move(give)] {
                        std::this_thread::sleep_for(std::chrono::milliseconds(20));
                        give({.body = "kept"});
                      });
                    }};
                  }});
  const RawClient client(*server_->start());
  client.send("GET /v1/promise HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_all(), EndsWith("kept"));
}

}  // namespace millrace::event_streams_test
