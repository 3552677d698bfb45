#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/metrics.h"
#include "millrace/engine/query_server.h"
#include "millrace/operators/topology_builder.h"
#include "millrace/testing/topology_driver.h"

#include "engine/queries/http_client.h"

namespace millrace::health_test {

using Json = nlohmann::json;

constexpr Topic<std::string, std::string> kIn{"in"};
constexpr Topic<std::string, std::string> kOut{"out"};

Result<Topology> passing() {
  TopologyBuilder builder{"test"};
  builder.stream(kIn).to(kOut);
  return std::move(builder).build();
}

Json health(int port) {
  auto client = engine::HttpClient::open("127.0.0.1:" + std::to_string(port), {}, {});
  std::string body;
  const Status status = (*client)->get(
      {.target = "/v1/health", .body_bytes_max = 1 << 20}, [](const auto&) { return Status(); },
      [&body](std::string_view bytes) {
        body += bytes;
        return Status();
      });
  EXPECT_TRUE(status.ok()) << status.message();
  return Json::parse(body);
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
            Json({{"records", 5}, {"last_stable_offset", 20}, {"since_ms", 1'000}}));
}

}  // namespace millrace::health_test
