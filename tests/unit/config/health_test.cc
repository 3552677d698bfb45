#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/metrics.h"
#include "millrace/engine/query_server.h"
#include "millrace/operators/topology_builder.h"
#include "millrace/testing/topology_driver.h"

#include "engine/http/http_client.h"
#include "engine/run/readiness.h"

namespace millrace::health_test {

using Json = nlohmann::json;

constexpr Topic<std::string, std::string> kIn{"in"};
constexpr Topic<std::string, std::string> kOut{"out"};

Result<Topology> passing() {
  TopologyBuilder builder{"test"};
  builder.stream(kIn).to(kOut);
  return std::move(builder).build();
}

struct Probe {
  unsigned status = 0;
  Json body;
};

Probe ask(int port, std::string_view path) {
  auto client = engine::HttpClient::open("127.0.0.1:" + std::to_string(port), {}, {});
  std::string body;
  Probe probe;
  const Status status = (*client)->get(
      {.target = std::string(path), .body_bytes_max = 1 << 20},
      [&probe](const engine::HttpClient::Head& head) {
        probe.status = head.status;
        return Status();
      },
      [&body](std::string_view bytes) {
        body += bytes;
        return Status();
      });
  EXPECT_TRUE(status.ok()) << status.message();
  probe.body = Json::parse(body);
  return probe;
}

Json health(int port) {
  return ask(port, "/v1/health").body;
}

TEST(Health, NamesTheInputsThatATransactionHoldsUp) {
  const Result<Topology> topology = passing();
  testing::TopologyDriver driver(topology);
  driver.pipe(kIn, "k", "v", 1);
  driver.run();
  QueryServer server({.threads = 1});
  add_engine_routes(server, driver.engine(), *topology);
  const int port = server.start().value();
  Json before = health(port);
  EXPECT_EQ(before["caught_up"], true);
  EXPECT_EQ(before["hidden_inputs"], Json::object());

  const PartitionLag hidden{{"in", 0}, 5, HiddenBehind{20, 1'000}};
  driver.engine().metrics().set_lags({&hidden, 1});
  Json held = health(port);
  EXPECT_EQ(held["caught_up"], false);
  EXPECT_EQ(held["hidden_inputs"]["in/0"],
            Json({{"records", 5},
                  {"last_stable_offset", 20},
                  {"since_ms", 1'000},
                  {"find_producer",
                   "kafka-transactions.sh --bootstrap-server BOOTSTRAP_SERVERS describe-producers "
                   "--topic in --partition 0"}}));
}

TEST(Health, IsReadyWhileItHasRestoredAllOfItsPart) {
  const Result<Topology> topology = passing();
  testing::TopologyDriver driver(topology);
  QueryServer server({.threads = 1});
  add_engine_routes(server, driver.engine(), *topology);
  const int port = server.start().value();
  driver.pipe(kIn, "k", "v", 1);
  driver.run();
  EXPECT_EQ(ask(port, "/v1/live").status, 200U);
  const Probe ready = ask(port, "/v1/ready");
  EXPECT_EQ(ready.status, 200U);
  EXPECT_EQ(ready.body["ready"], true);
  ASSERT_TRUE(driver.engine().close().ok());
  const Probe closed = ask(port, "/v1/ready");
  EXPECT_EQ(closed.status, 503U);
  EXPECT_EQ(closed.body["ready"], false);
  EXPECT_EQ(ask(port, "/v1/live").status, 503U);
}

TEST(Health, ALineForTheServiceManagerCountsTasksAndLag) {
  testing::TopologyDriver driver(passing());
  driver.pipe(kIn, "k", "v", 1);
  driver.run();
  EXPECT_EQ(engine::reason_against(driver.engine()), "");
  EXPECT_THAT(engine::status_line(driver.engine()),
              ::testing::StartsWith("running: tasks=1 restoring=0 standbys=0 lag_records=0 "));
  driver.engine().pause();
  EXPECT_THAT(engine::status_line(driver.engine()), ::testing::StartsWith("running, paused: "));
  ASSERT_TRUE(driver.engine().close().ok());
  EXPECT_EQ(engine::reason_against(driver.engine()), "no plan of the group includes it yet");
}

TEST(Health, EveryProbeThatFailsHasAnErrorLikeOtherAnswers) {
  const Result<Topology> topology = passing();
  testing::TopologyDriver driver(topology);
  QueryServer server({.threads = 1});
  add_engine_routes(server, driver.engine(), *topology);
  const int port = server.start().value();
  ASSERT_TRUE(driver.engine().close().ok());
  for (const char* path : {"/v1/live", "/v1/ready", "/v1/health"}) {
    const Probe probe = ask(port, path);
    EXPECT_EQ(probe.status, 503U) << path;
    EXPECT_NE(probe.body.value("error", ""), "") << path;
    EXPECT_EQ(probe.body["state"], "stopped") << path;
  }
}

}  // namespace millrace::health_test
