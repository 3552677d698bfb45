// Any instance describes all of them.
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "millrace/operators.h"

#include "engine/console/dead_letter_routes.h"
#include "tests/unit/queries/served_cluster.h"

namespace millrace::engine::instances_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr Topic<std::string, std::string> kIn{"in"};
constexpr Topic<std::string, std::string> kOut{"out"};
constexpr int32_t kPartitions = 4;

Result<Topology> copying() {
  TopologyBuilder builder{"copying"};
  builder.table(kIn, {.name = "rows"}).to(kOut);
  return std::move(builder).build();
}

class InstancesTest : public ServedCluster {
 protected:
  InstancesTest() : ServedCluster(copying, kPartitions) {}

  void start_two() {
    start("a");
    start("b");
    for (int i = 0; i < 20; ++i) cluster_.pipe("in", "k" + std::to_string(i), "v");
    settle();
  }
  Json get(const std::string& name, const std::string& target, int status = 200) const {
    const Reply reply = fetch(name, target);
    EXPECT_EQ(reply.status, status) << target << " " << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }
};

TEST_F(InstancesTest, ListsWhoHasWhichTask) {
  start_two();
  const Json instances = get("a", "/v1/instances")["instances"];
  ASSERT_EQ(instances.size(), 2U);
  EXPECT_EQ(instances[0]["instance"], "a");
  EXPECT_EQ(instances[0]["self"], true);
  EXPECT_EQ(instances[0]["endpoint"], "");
  EXPECT_EQ(instances[1]["self"], false);
  EXPECT_EQ(instances[1]["endpoint"], "127.0.0.1:" + std::to_string(ports_.at("b")));
  std::set<std::string> tasks;
  for (const Json& instance : instances) {
    EXPECT_EQ(instance["active"].size(), 2U);
    for (const Json& task : instance["active"]) tasks.insert(task.get<std::string>());
  }
  EXPECT_THAT(tasks, ElementsAre("0_0", "0_1", "0_2", "0_3"));
}

TEST_F(InstancesTest, EveryInstanceAnswersForTheOther) {
  start_two();
  for (const char* asked : {"a", "b"}) {
    for (const char* about : {"a", "b"}) {
      const std::string path = std::string("/v1/instances/") + about;
      const Json health = get(asked, path + "/health");
      const Json own = get(about, "/v1/health");
      EXPECT_EQ(health["state"], "running");
      EXPECT_EQ(health["tasks"].size(), 2U);
      EXPECT_EQ(health["tasks"][0]["task"], own["tasks"][0]["task"]) << asked << " about " << about;
      EXPECT_THAT(fetch(asked, path + "/metrics").body,
                  HasSubstr("millrace_records_consumed_total{topic=\"in\"}"));
      EXPECT_EQ(get(asked, path + "/history")["interval_ms"], 10'000);
    }
  }
}

TEST_F(InstancesTest, RefusesInstancesThatThePlanDoesNotKnow) {
  start_two();
  EXPECT_THAT(get("a", "/v1/instances/c/health", 404)["error"], HasSubstr("no such instance"));
}

TEST_F(InstancesTest, NeedsTheKeyToAskAnotherInstance) {
  cluster_.options.query_peer_key_file.clear();
  start_two();
  get("a", "/v1/instances/a/health");
  EXPECT_THAT(get("a", "/v1/instances/b/health", 503)["error"], HasSubstr("query.peer.key.file"));
}

TEST_F(InstancesTest, ShowsAnInstanceThatDoesNotAnswer) {
  start_two();
  servers_.at("b")->stop();
  const Json answer = get("a", "/v1/instances/b/metrics", 503);
  EXPECT_TRUE(answer["error"].is_string());
}

TEST_F(InstancesTest, DescribesTheTopologyAsData) {
  start("a");
  const Json graph = get("a", "/v1/topology/graph");
  EXPECT_EQ(graph["name"], "copying");
  std::set<std::string> topics;
  for (const Json& node : graph["nodes"]) topics.insert(node["topic"].get<std::string>());
  EXPECT_THAT(topics, ::testing::IsSupersetOf({"in", "out"}));
  for (const Json& edge : graph["edges"]) {
    EXPECT_LT(edge[0].get<size_t>(), graph["nodes"].size());
    EXPECT_LT(edge[1].get<size_t>(), graph["nodes"].size());
  }
  EXPECT_EQ(graph["edges"].size() + 1, graph["nodes"].size()) << "it is a chain";
  EXPECT_EQ(graph["stores"][0]["name"], "rows");
}

TEST_F(InstancesTest, DescribesItsAnswersInTheDocument) {
  start("a");
  const Json paths = get("a", "/v1/openapi.json")["paths"];
  const Json& health = paths["/v1/instances/{instance}/health"]["get"]["responses"]["200"];
  const Json& schema = health["content"]["application/json"]["schema"];
  EXPECT_EQ(schema["properties"]["tasks"]["items"]["properties"]["stage"]["enum"][0], "restoring");
  EXPECT_FALSE(paths.contains("/v1/peer/views")) << "between instances only";
}

TEST_F(InstancesTest, ReadsTheNewestRecordsOfATopic) {
  start("a");
  for (int i = 0; i < 12; ++i) {
    cluster_.pipe("out", "k" + std::to_string(i), "v" + std::to_string(i), 1'000 + i);
  }
  const QueryRouter& router = cluster_["a"].router();
  const auto soon = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const auto newest = router.newest_records("out", 3, soon);
  ASSERT_TRUE(newest.ok()) << newest.message();
  std::vector<std::string> values;
  for (const QueryRouter::TopicRecord& record : *newest) values.push_back(*record.value);
  EXPECT_THAT(values, ElementsAre("v11", "v10", "v9"));
  EXPECT_EQ(newest->front().key, "k11");
  EXPECT_EQ(newest->front().timestamp_ms, 1'011);
  EXPECT_EQ(router.newest_records("nowhere", 3, soon).code(), ErrorCode::kNotFound);
  const auto none = router.newest_records("in", 3, soon);
  ASSERT_TRUE(none.ok());
  EXPECT_THAT(*none, IsEmpty());
}

bool is_fit(std::string_view value) {
  if (value == "a secret") throw std::runtime_error("not fit");
  return true;
}

Result<Topology> filtering() {
  TopologyBuilder builder{"filtering"};
  builder.stream(kIn).filter(is_fit).to(kOut);
  return std::move(builder).build();
}

class DeadLettersTest : public ServedCluster {
 protected:
  DeadLettersTest() : ServedCluster(filtering, 1) {
    cluster_.options.on_user_error = OnError::kDeadLetter;
  }
};

TEST_F(DeadLettersTest, AreShownByOriginAndReasonWithoutTheirRecords) {
  start("a");
  cluster_.pipe("in", "the key", "fine");
  cluster_.pipe("in", "the key", "a secret");
  settle();
  QueryServer server({.threads = 1});
  add_dead_letter_route(server, cluster_["a"], "app-dead-letters");
  const Result<int> port = server.start();
  ASSERT_TRUE(port.ok());
  ports_["letters"] = *port;
  const Reply reply = fetch("letters", "/v1/dead-letters?limit=5");
  server.stop();
  ASSERT_EQ(reply.status, 200) << reply.body;
  const Json body = Json::parse(reply.body);
  ASSERT_EQ(body["letters"].size(), 1U);
  const Json& letter = body["letters"][0];
  EXPECT_EQ(letter["from"], Json({{"topic", "in"}, {"partition", 0}, {"offset", 1}}));
  EXPECT_THAT(letter["reason"].get<std::string>(), HasSubstr("not fit"));
  EXPECT_EQ(letter["key_bytes"], 7);
  EXPECT_EQ(letter["value_bytes"], 8);
  EXPECT_EQ(letter["sealed"], false);
  EXPECT_THAT(reply.body, ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(reply.body, ::testing::Not(HasSubstr("the key")));
}

}  // namespace millrace::engine::instances_test
