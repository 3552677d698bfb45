#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "millrace/core/partitioner.h"
#include "millrace/engine/engine.h"

#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"

namespace millrace::engine {

/// Several instances of one application on one broker, turned by hand.
class Cluster {
 public:
  Cluster(std::function<Result<Topology>()> topology, int32_t partitions)
      : topology_(std::move(topology)),
        root_(std::filesystem::temp_directory_path() /
              ("millrace-cluster-" + std::to_string(std::random_device{}()))) {
    const Result<Topology> sample = topology_();
    for (const TopicUse& broadcast : sample->broadcasts()) {
      broker.create_topic(broadcast.name, 1, {{"cleanup.policy", "compact"}});
    }
    for (const Node& node : sample->nodes()) {
      if (node.kind == NodeKind::kSource || node.kind == NodeKind::kSink) {
        broker.create_topic(node.topic.name, partitions);
      }
    }
  }
  ~Cluster() {
    engines_.clear();
    std::filesystem::remove_all(root_);
  }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// Starts the instance, on the state it left if it ran before.
  Status start(const std::string& name) {
    EngineOptions own = options;
    own.application_id = "app";
    own.instance_id = name;
    own.state_dir = state_dir(name);
    own.worker_threads = 1;
    own.poll_wait_ms = is_pipelined ? 1 : 0;  // lets the commit's thread run
    own.commit_pipelined = is_pipelined;
    own.retry_backoff_max_ms = 0;
    auto& clients = clients_[name];
    if (clients == nullptr) clients = make_clients();
    Result<std::unique_ptr<Engine>> made = Engine::create(topology_(), own, *clients, clock, hooks);
    if (!made.ok()) return made.status();
    engines_[name] = std::move(*made);
    return {};
  }
  std::filesystem::path state_dir(const std::string& name) const { return root_ / name; }
  /// Ends it as kill -9 does.
  void kill(const std::string& name) { engines_.erase(name); }
  Engine& operator[](const std::string& name) { return *engines_.at(name); }

  /// Everybody takes `turns` turns, in order; the first error.
  Status turn(int turns = 1) {
    for (int i = 0; i < turns; ++i) {
      clock.advance(1);
      for (auto& [name, engine] : engines_) MILLRACE_RETURN_IF_ERROR(engine->run_once());
    }
    return {};
  }
  /// Until everybody is idle and nothing is uncommitted.
  Status settle() {
    for (int i = 0; i < 10'000; ++i) {
      MILLRACE_RETURN_IF_ERROR(turn());
      bool is_settled = true;
      for (auto& [name, engine] : engines_) {
        is_settled = is_settled && engine->is_idle() && !engine->has_uncommitted();
      }
      if (is_settled) return {};
    }
    return Error{ErrorCode::kInternal, "the cluster does not come to rest"};
  }

  void pipe(const std::string& topic, const std::string& key, const std::string& value,
            int64_t timestamp_ms = 1'000) {
    broker.append({topic, partition_of(Bytes(key), broker.partitions(topic))},
                  {.timestamp_ms = timestamp_ms, .key = key, .value = value, .headers = {}});
  }
  /// Committed values of a topic, all partitions, by key.
  std::map<std::string, std::vector<std::string>> values(const std::string& topic) {
    std::map<std::string, std::vector<std::string>> found;
    for (int32_t p = 0; p < broker.partitions(topic); ++p) {
      for (const auto& record : broker.read_committed({topic, p})) {
        found[record.key.value_or("")].push_back(record.value.value_or(""));
      }
    }
    return found;
  }

  testing::MemoryBroker broker;
  testing::ManualClock clock{1'700'000'000'000};
  EngineOptions options;
  bool is_pipelined = false;  ///< true: how many turns a commit takes is not determined
  EngineHooks hooks;
  /// Of an instance, when it starts first.
  std::function<std::unique_ptr<ClientFactory>()> make_clients = [this] {
    return broker.clients();
  };

 private:
  std::function<Result<Topology>()> topology_;
  std::filesystem::path root_;
  std::map<std::string, std::unique_ptr<ClientFactory>> clients_;
  std::map<std::string, std::unique_ptr<Engine>> engines_;
};

}  // namespace millrace::engine
