// Three instances in memory, each with a server on a real socket.
#include <map>
#include <memory>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/query_router.h"
#include "millrace/engine/query_server.h"

#include "cluster.h"
#include "small_topologies.h"
#include "tests/unit/http/raw_client.h"
#include "tests/unit/queries/key_file.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine::router_test {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Json = nlohmann::json;

constexpr int kPartitions = 6;
constexpr int kKeys = 20;

Result<Topology> counting() {
  return scripted({.process = count_up, .with_store = true});
}

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() : cluster_(counting, kPartitions) {
    cluster_.options.query_peer_key_file = write_key(directory_.path() / "key", '1');
  }
  ~RouterTest() override {
    for (auto& [name, server] : servers_) server->stop();
  }

  void start(const std::string& name) {
    ASSERT_TRUE(cluster_.start(name).ok());
    Engine& engine = cluster_[name];
    auto server = std::make_unique<QueryServer>(QueryServerOptions{
        .threads = 1, .anonymous = Rights::all(), .peer_key = engine.peer_key()});
    add_engine_routes(*server, engine, topology_);
    // The row of a key, and then the row of the key that is named like its value.
    server->route({.pattern = "/v1/chains/{key}",
                   .parameters = {{.name = "key"}},
                   .handler = [&engine](const HttpRequest& request) {
                     return engine.router().answer(
                         request, [key = request.arguments.front()](const Queries& queries) {
                           return chain(queries, key);
                         });
                   }});
    const Result<int> port = server->start();
    ASSERT_TRUE(port.ok());
    ports_[name] = *port;
    engine.advertise("127.0.0.1:" + std::to_string(*port));
    servers_[name] = std::move(server);
  }
  void start_three() {
    for (const char* name : {"a", "b", "c"}) start(name);
    for (int i = 0; i < 2 * kKeys; ++i) cluster_.pipe("left", key(i % kKeys), "v");
    settle();
  }
  void kill(const std::string& name) {
    servers_.at(name)->stop();
    servers_.erase(name);
    cluster_.kill(name);
  }
  /// Until reports have come round too.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(cluster_.settle().ok());
      cluster_.clock.advance(1'000);
      ASSERT_TRUE(cluster_.turn(5).ok());
    }
  }
  static HttpAnswer chain(const Queries& queries, const std::string& key) {
    const Result<StoreAnswer> first = queries.get("rows", Bytes(key));
    if (!first.ok()) return error_answer(first.error());
    const std::string next = "k" + first->row->value;
    const Result<StoreAnswer> second = queries.get("rows", Bytes(next));
    if (!second.ok()) return error_answer(second.error());
    return {.body = Json{{"owners", {first->position.instance, second->position.instance}},
                         {"value", second->row->value}}
                        .dump()};
  }
  static std::string key(int i) { return "k" + std::to_string(i); }

  struct Answer {
    int status = 0;
    Json body;
  };
  Answer ask(const std::string& name, const std::string& target) {
    const RawClient client(ports_.at(name));
    client.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const std::string text = client.read_all();
    return {std::stoi(text.substr(9, 3)),
            Json::parse(text.substr(text.find("\r\n\r\n") + 4), nullptr, false)};
  }

  TempDirectory directory_;
  Cluster cluster_;
  const Topology topology_ = *counting();
  std::map<std::string, std::unique_ptr<QueryServer>> servers_;
  std::map<std::string, int> ports_;
};

TEST_F(RouterTest, AnyInstanceAnswersForAnyKeyAndSaysWhoHadIt) {
  start_three();
  std::map<std::string, int> answers_of;
  for (int i = 0; i < kKeys; ++i) {
    std::string owner;
    for (const char* name : {"a", "b", "c"}) {
      const Answer answer = ask(name, "/v1/stores/rows?key=" + key(i));
      ASSERT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(answer.body["value_hex"], "32") << "the second record of each key";
      const std::string told = answer.body["position"]["instance"];
      EXPECT_EQ(answer.body["position"]["served_by"], "active");
      EXPECT_TRUE(owner.empty() || told == owner);
      owner = told;
      ++answers_of[told];
    }
  }
  EXPECT_THAT(answers_of, SizeIs(3));
}

TEST_F(RouterTest, AnAnswerFromStatesOfTwoInstancesComesFromAny) {
  start_three();
  std::set<std::string> owners;
  for (int i = 0; i < kKeys; ++i) {
    for (const char* name : {"a", "b", "c"}) {
      const Answer answer = ask(name, "/v1/chains/" + key(i));
      ASSERT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(answer.body["value"], "2");
      if (answer.body["owners"][0] != answer.body["owners"][1]) owners.insert(name);
    }
  }
  EXPECT_THAT(owners, SizeIs(3));
}

TEST_F(RouterTest, AKeyThatNobodyHasIsNowhere) {
  start_three();
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(ask(name, "/v1/stores/rows?key=unknown").status, 404);
  }
}

TEST_F(RouterTest, WithoutAKeyAnInstanceSaysWhatToDo) {
  cluster_.options.query_peer_key_file.clear();
  start_three();
  int refused = 0;
  for (int i = 0; i < kKeys; ++i) {
    const Answer answer = ask("a", "/v1/stores/rows?key=" + key(i));
    if (answer.status == 200) continue;
    EXPECT_EQ(answer.status, 503);
    EXPECT_THAT(answer.body["error"].get<std::string>(), HasSubstr("query.peer.key.file"));
    ++refused;
  }
  EXPECT_GT(refused, 0);
}

TEST_F(RouterTest, ThePathBetweenInstancesIsForThemOnly) {
  start_three();
  const RawClient client(ports_.at("a"));
  client.send(
      "POST /v1/peer/rows HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "
      "1\r\n\r\nx");
  EXPECT_THAT(client.read_all(), ::testing::StartsWith("HTTP/1.1 401"));
  EXPECT_FALSE(ask("a", "/v1/openapi.json").body["paths"].contains("/v1/peer/rows"));
}

TEST_F(RouterTest, AnAnswerDuringARebalanceIsRightOrA503) {
  start_three();
  kill("c");
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 4; ++i) {
      const Answer answer = ask(round % 2 == 0 ? "a" : "b", "/v1/stores/rows?key=" + key(i));
      if (answer.status == 200) {
        EXPECT_EQ(answer.body["value_hex"], "32");
      } else {
        EXPECT_EQ(answer.status, 503) << answer.body;
      }
    }
    cluster_.clock.advance(1'000);
    ASSERT_TRUE(cluster_.turn(10).ok());
  }
  settle();
  for (int i = 0; i < kKeys; ++i) {
    for (const char* name : {"a", "b"}) {
      EXPECT_EQ(ask(name, "/v1/stores/rows?key=" + key(i)).body["value_hex"], "32");
    }
  }
}

TEST_F(RouterTest, AKilledInstanceCostsNoAnswerThatMayBeStale) {
  cluster_.options.standby_replicas = 1;
  start_three();
  kill("c");
  int by_standby = 0;
  for (int i = 0; i < kKeys; ++i) {
    for (const char* name : {"a", "b"}) {
      const Answer answer = ask(name, "/v1/stores/rows?max_lag_records=0&key=" + key(i));
      ASSERT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(answer.body["value_hex"], "32");
      by_standby += answer.body["position"]["served_by"] == "standby" ? 1 : 0;
    }
  }
  EXPECT_GT(by_standby, 0);
}

TEST_F(RouterTest, ReportsWithoutProofAreNobodys) {
  start_three();
  // Somebody who may write to the topic, but has no key.
  cluster_.broker.append(
      {"app-instances", 0},
      {.timestamp_ms = 1,
       .key = "b",
       .value = R"({"version":1,"instance":"b","endpoint":"127.0.0.1:1",)"
                R"("snapshots":true,"rack":"","capacity":1,"draining":false,"inputs":["left"],)"
                R"("held":{}})",
       .headers = {}});
  settle();
  for (int i = 0; i < kKeys; ++i) {
    EXPECT_EQ(ask("a", "/v1/stores/rows?key=" + key(i)).status, 200);
  }
}

}  // namespace millrace::engine::router_test
