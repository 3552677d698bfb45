// Three instances in memory, each with a server on a real socket.
#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "small_topologies.h"
#include "tests/unit/queries/served_cluster.h"

namespace millrace::engine::router_test {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using Json = nlohmann::json;

constexpr int kKeys = 20;

Result<Topology> counting() {
  return scripted({.process = count_up, .with_store = true});
}

class RouterTest : public ServedCluster {
 protected:
  RouterTest() : ServedCluster(counting, 6) {}

  struct Answer {
    int status = 0;
    std::string position;
    Json body;
  };
  Answer ask(const std::string& name, const std::string& target) const {
    const Reply reply = fetch(name, target);
    return {reply.status, reply.position, Json::parse(reply.body, nullptr, false)};
  }
  void start_three() {
    for (const char* name : {"a", "b", "c"}) start(name);
    for (int i = 0; i < 2 * kKeys; ++i) cluster_.pipe("left", key(i % kKeys), "v");
    settle();
  }
  static std::string key(int i) { return "k" + std::to_string(i); }
};

TEST_F(RouterTest, AnyInstanceAnswersForAnyKeyAndSaysWhoHadIt) {
  start_three();
  std::map<std::string, int> answers_of;
  for (int i = 0; i < kKeys; ++i) {
    std::string owner;
    for (const char* name : {"a", "b", "c"}) {
      const Answer answer = ask(name, "/v1/stores/rows?key=" + key(i));
      ASSERT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(answer.body["value"], "2") << "the second record of each key";
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
        EXPECT_EQ(answer.body["value"], "2");
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
      EXPECT_EQ(ask(name, "/v1/stores/rows?key=" + key(i)).body["value"], "2");
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
      EXPECT_EQ(answer.body["value"], "2");
      by_standby += answer.body["position"]["served_by"] == "standby" ? 1 : 0;
    }
  }
  EXPECT_GT(by_standby, 0);
}

TEST_F(RouterTest, PagesOfAStoreComeFromAllInstances) {
  start_three();
  for (const std::string order : {"asc", "desc"}) {
    std::vector<std::string> keys;
    std::string page;
    for (int i = 0; i < 2 * kKeys; ++i) {
      const std::string name(1, static_cast<char>('a' + i % 3));
      const Answer answer = ask(name, "/v1/stores/rows/rows?limit=3&prefix=k&order=" + order +
                                          (page.empty() ? "" : "&page=" + page));
      ASSERT_EQ(answer.status, 200) << answer.body;
      EXPECT_THAT(answer.body["positions"], SizeIs(6));
      for (const auto& row : answer.body["rows"]) keys.push_back(row["key"]);
      if (answer.body["next"].is_null()) break;
      page = answer.body["next"];
    }
    EXPECT_THAT(keys, SizeIs(kKeys));
    EXPECT_TRUE(order == "asc" ? std::ranges::is_sorted(keys)
                               : std::ranges::is_sorted(keys, std::greater<>()));
  }
  EXPECT_EQ(ask("a", "/v1/stores/rows/rows?prefix=k&from=a").status, 400);
  EXPECT_EQ(ask("a", "/v1/stores/rows/rows?page=nonsense").status, 400);
  EXPECT_EQ(ask("a", "/v1/stores/rows/rows?limit=1001").status, 400);
  EXPECT_EQ(ask("a", "/v1/stores/none/rows").status, 400);
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
