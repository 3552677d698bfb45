#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/topology.h"
#include "millrace/engine/engine.h"

#include "tests/broker/kafka/cluster.h"

namespace millrace::engine::kafka {

/// Forwards what comes.
class Forwarder final : public Processor {
 public:
  void process(const Record& record) override { context().forward(record); }
};

/// source topic → sink topic
inline Result<Topology> forwarding(const std::string& source, const std::string& sink,
                                   TypeInfo value) {
  std::vector<Node> nodes(3);
  nodes[0].name = "in";
  nodes[0].kind = NodeKind::kSource;
  nodes[0].topic = {source, type_info<std::string>(), value};
  nodes[0].children = {1};
  nodes[1].name = "step";
  nodes[1].factory = [] { return std::make_unique<Forwarder>(); };
  nodes[1].parents = {0};
  nodes[1].children = {2};
  nodes[2].name = "out";
  nodes[2].kind = NodeKind::kSink;
  nodes[2].parents = {1};
  nodes[2].topic = {sink, type_info<std::string>(), type_info<std::string>()};
  return Topology::create("forwarding", std::move(nodes), {}, {});
}

/// Turns an engine until `done`, or its end; true: done.
template <class Done>
bool turn_until(Engine& engine, Status& status, Done&& done) {
  return eventually(
      [&] {
        for (int i = 0; i < 10 && status.ok(); ++i) status = engine.run_once();
        return !status.ok() || done();
      },
      60'000);
}

/// Policies that forgive everything, state in memory.
inline EngineOptions forgiving(const KafkaOptions& kafka) {
  EngineOptions options;
  options.application_id = kafka.application_id;
  options.bootstrap_servers = kafka.bootstrap_servers;
  options.state_dir.clear();
  options.worker_threads = 1;
  options.poll_wait_ms = 5;
  options.on_invalid_record = OnError::kDeadLetter;
  options.on_user_error = OnError::kDeadLetter;
  options.on_refused_output = OnError::kDeadLetter;
  return options;
}

}  // namespace millrace::engine::kafka
