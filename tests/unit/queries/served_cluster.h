#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "millrace/engine/query_router.h"
#include "millrace/engine/query_server.h"

#include "cluster.h"
#include "tests/unit/http/raw_client.h"
#include "tests/unit/key_file.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine {

/// Instances in memory, turned by hand, each with a query server on a real socket.
class ServedCluster : public ::testing::Test {
 public:
  struct Reply {
    int status = 0;
    std::string position;  ///< of the header Millrace-Position
    std::string body;
  };

 protected:
  ServedCluster(std::function<Result<Topology>()> topology, int32_t partitions)
      : cluster_(topology, partitions), topology_(*topology()) {
    cluster_.options.query_peer_key_file = write_key(directory_.path() / "key", '1');
  }
  ~ServedCluster() override {
    for (auto& [name, server] : servers_) server->stop();
  }

  void start(const std::string& name) {
    ASSERT_TRUE(cluster_.start(name).ok());
    Engine& engine = cluster_[name];
    auto server =
        std::make_unique<QueryServer>(QueryServerOptions{.threads = 1,
                                                         .anonymous = anonymous_,
                                                         .peer_key = engine.peer_key(),
                                                         .answer_timeout_ms = answer_timeout_ms_});
    add_engine_routes(*server, engine, topology_, masks_);
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

  Reply fetch(const std::string& name, const std::string& target) const {
    const RawClient client(ports_.at(name));
    client.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const std::string text = client.read_all();
    const size_t end = text.find("\r\n\r\n");
    constexpr std::string_view kHeader = "\r\nMillrace-Position: ";
    const size_t header = text.substr(0, end).find(kHeader);
    Reply reply{
        .status = std::stoi(text.substr(9, 3)), .position = {}, .body = text.substr(end + 4)};
    if (header != std::string::npos) {
      const size_t begin = header + kHeader.size();
      reply.position = text.substr(begin, text.find("\r\n", begin) - begin);
    }
    return reply;
  }

  int64_t answer_timeout_ms_ = 10'000;
  Rights anonymous_ = Rights::all();  ///< of callers, as nobody has a token
  RowMasks masks_;
  TempDirectory directory_;
  Cluster cluster_;
  const Topology topology_;
  std::map<std::string, std::unique_ptr<QueryServer>> servers_;
  std::map<std::string, int> ports_;

 private:
  static HttpAnswer chain(const Queries& queries, const std::string& key) {
    const Result<StoreAnswer> first = queries.get("rows", Bytes(key));
    if (!first.ok()) return error_answer(first.error());
    const std::string next = "k" + first->row->value;
    const Result<StoreAnswer> second = queries.get("rows", Bytes(next));
    if (!second.ok()) return error_answer(second.error());
    return {.body =
                fmt::format(R"({{"owners":["{}","{}"],"value":"{}"}})", first->position.instance,
                            second->position.instance, second->row->value)};
  }
};

}  // namespace millrace::engine
