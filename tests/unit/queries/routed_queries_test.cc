// One instance with views made by hand, and servers that answer for the others.
#include <atomic>
#include <thread>

#include <gmock/gmock.h>

#include "millrace/core/partitioner.h"
#include "millrace/engine/query_server.h"

#include "engine/queries/router.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"
#include "tests/unit/http/certificate.h"
#include "tests/unit/key_file.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine::routed_queries_test {

using ::testing::HasSubstr;

constexpr TaskId kTask{0, 0};

/// An instance that answers every question with one row of its name, or refuses for want of the
/// task.
class OtherInstance {
 public:
  OtherInstance(std::string name, std::shared_ptr<const PeerKey> key,
                const CertificateFiles& files = {})
      : name_(std::move(name)),
        server_({.threads = 2,
                 .tls_certificate_file = files.certificate,
                 .tls_key_file = files.key,
                 .peer_key = std::move(key)}) {
    server_.route({.method = HttpMethod::kPost,
                   .pattern = kPeerRowsPath,
                   .right = Right::kPeer,
                   .content_type = "application/cbor",
                   .body_meaning = "a question",
                   .body_bytes_max = kRowQuestionBytesMax,
                   .handler = [this](const HttpRequest& request) { return answer(request); }});
    const Result<int> port = server_.start();
    EXPECT_TRUE(port.ok());
    endpoint_ = (files.key.empty() ? "" : "https://") + ("127.0.0.1:" + std::to_string(*port));
  }

  PeerView::Holder holder() const { return {name_, endpoint_}; }
  void stop() { server_.stop(); }

  std::atomic<bool> has_task = true;
  std::atomic<bool> is_standby = false;
  std::atomic<int64_t> lag_records = 0;
  std::atomic<int> asked = 0;

 private:
  HttpAnswer answer(const HttpRequest& request) {
    ++asked;
    EXPECT_FALSE(request.rights.has(Right::kOperate));
    const auto question = decode_question(request.body);
    EXPECT_TRUE(question.ok());
    if (!has_task || (is_standby && !question->bounds.may_be_standby)) {
      return error_answer(503, "not here");
    }
    RowReply reply;
    reply.position.task = question->task;
    reply.position.instance = name_;
    reply.position.is_standby = is_standby;
    reply.position.lag_records = lag_records;
    if (!question->bounds.allow(reply.position)) return error_answer(503, "too far behind");
    reply.rows = {{*question->key, name_, 1}};
    return {.body = encode_reply(reply), .content_type = "application/cbor"};
  }

  const std::string name_;
  QueryServer server_;
  std::string endpoint_;
};

class RoutedQueriesTest : public ::testing::Test {
 protected:
  RoutedQueriesTest() {
    SubTopology sub_topology;
    sub_topology.partitions = 1;
    sub_topology.stores.emplace_back();
    sub_topology.stores.back().spec = &spec_;
    local_.define({&sub_topology, 1});
  }

  void publish(PeerView::Holder active, std::vector<PeerView::Holder> standbys = {}) {
    publish(router_, std::move(active), std::move(standbys));
  }
  static void publish(Router& router, PeerView::Holder active,
                      std::vector<PeerView::Holder> standbys = {}) {
    PeerView view{.self = "a", .tasks = {}};
    view.tasks[kTask] = {std::move(active), std::move(standbys)};
    router.directory().publish(std::move(view));
  }
  /// The row that answers, as "instance" or the error's status.
  std::string ask(std::map<std::string, std::string> parameters = {},
                  std::chrono::milliseconds wait = std::chrono::seconds(20)) {
    return ask(router_, std::move(parameters), wait);
  }
  std::string ask(const Router& router, std::map<std::string, std::string> parameters = {},
                  std::chrono::milliseconds wait = std::chrono::seconds(20)) {
    HttpRequest request;
    request.parameters = std::move(parameters);
    request.deadline = std::chrono::steady_clock::now() + wait;
    HttpAnswer answer = router.answer(request, [](const Queries& queries) {
      const Result<StoreAnswer> row = queries.get("rows", Bytes("k"));
      if (!row.ok()) return error_answer(row.error());
      return HttpAnswer{.body = row->row->value};
    });
    if (answer.later) answer = answer.later();
    message_ = answer.body;
    return answer.status == 200 ? answer.body : std::to_string(answer.status);
  }

  TempDirectory directory_;
  StoreSpec spec_{
      .name = "rows", .key = type_info<std::string>(), .value = type_info<std::string>()};
  testing::ManualClock clock_{1};
  QueryRegistry local_{clock_, "a"};
  const std::shared_ptr<const PeerKey> key_ = key_of(write_key(directory_.path() / "key", '1'));
  const std::shared_ptr<const PeerKey> other_key_ =
      key_of(write_key(directory_.path() / "other", '2'));
  testing::MemoryBroker broker_;
  const std::unique_ptr<ClientFactory> clients_ = broker_.clients();
  ChangeRings changes_;
  Router router_{local_, changes_, *clients_, {"a", key_}};
  OtherInstance b_{"b", key_};
  OtherInstance c_{"c", key_};
  std::string message_;
};

TEST_F(RoutedQueriesTest, AsksTheOwnerOfThePlan) {
  publish(b_.holder(), {c_.holder()});
  EXPECT_EQ(ask(), "b");
  EXPECT_EQ(ask(), "b") << "over the connection that was kept";
  EXPECT_EQ(c_.asked, 0);
}

TEST_F(RoutedQueriesTest, AsksOverTlsAndOnlyWhoHasACertificate) {
  const CertificateFiles files = write_certificate(directory_.path(), "server");
  const CertificateFiles others = write_certificate(directory_.path(), "others");
  OtherInstance secure("secure", key_, files);
  OtherInstance unknown("unknown", key_, others);
  const auto tls = open_client_tls(files.certificate);
  ASSERT_TRUE(tls.ok()) << tls.message();
  Router router(local_, changes_, *clients_, {"a", key_, *tls});
  publish(router, secure.holder());
  EXPECT_EQ(ask(router), "secure");
  EXPECT_EQ(ask(router), "secure") << "over the connection that was kept";
  publish(router, unknown.holder());
  EXPECT_EQ(ask(router), "503");
  EXPECT_EQ(unknown.asked, 0);
}

TEST_F(RoutedQueriesTest, AsksAgainWhenThePlanChanges) {
  b_.has_task = false;
  publish(b_.holder());
  std::jthread planner([this] {
    while (b_.asked == 0) std::this_thread::yield();
    publish(c_.holder());
  });
  EXPECT_EQ(ask(), "c");
  EXPECT_EQ(b_.asked, 1);
}

TEST_F(RoutedQueriesTest, GivesUpAfterOneMoreTry) {
  b_.has_task = false;
  publish(b_.holder());
  EXPECT_EQ(ask(), "503");
  EXPECT_EQ(b_.asked, 2);
  EXPECT_THAT(message_, HasSubstr("not here"));
}

TEST_F(RoutedQueriesTest, AStandbyAnswersOnlyWhoAllowsItAndItsLag) {
  b_.has_task = false;
  c_.is_standby = true;
  c_.lag_records = 10;
  publish(b_.holder(), {c_.holder()});
  EXPECT_EQ(ask(), "503");
  EXPECT_EQ(c_.asked, 0);
  EXPECT_EQ(ask({{"stale", "ok"}}), "c");
  EXPECT_EQ(ask({{"max_lag_records", "10"}}), "c");
  EXPECT_EQ(ask({{"max_lag_records", "9"}}), "503");
  b_.has_task = true;
  EXPECT_EQ(ask({{"stale", "ok"}}), "b") << "the owner comes first";
}

TEST_F(RoutedQueriesTest, AnOwnerThatIsAwayIsAStandbysCase) {
  c_.is_standby = true;
  publish(b_.holder(), {c_.holder()});
  EXPECT_EQ(ask(), "b");
  b_.stop();
  EXPECT_EQ(ask({{"stale", "ok"}}), "c");
}

TEST_F(RoutedQueriesTest, NobodyIsAskedWithoutAPlan) {
  EXPECT_EQ(ask(), "503");
  EXPECT_THAT(message_, HasSubstr("no plan"));
}

TEST_F(RoutedQueriesTest, AnInstanceWithAnotherKeyIsNotBelieved) {
  const OtherInstance stranger("stranger", other_key_);
  publish(stranger.holder());
  EXPECT_EQ(ask(), "503");
  EXPECT_THAT(message_, HasSubstr("query.peer.key.file"));
  EXPECT_EQ(stranger.asked, 0);
}

TEST_F(RoutedQueriesTest, AnswersEndAtTheDeadline) {
  publish(b_.holder());
  EXPECT_EQ(ask({}, std::chrono::milliseconds(-1)), "503");
  EXPECT_EQ(b_.asked, 0);
}

}  // namespace millrace::engine::routed_queries_test
