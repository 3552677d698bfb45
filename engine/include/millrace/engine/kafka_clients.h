#pragma once

#include <memory>

#include "millrace/core/result.h"
#include "millrace/engine/options.h"

namespace millrace {

namespace engine {
class ClientFactory;
}  // namespace engine

/// The Kafka clients of one engine, for a program that runs an `Engine` of its own instead of
/// calling `run_main`:
///
///     auto clients = mr::KafkaClients::create(options);
///     auto engine = mr::Engine::create(topology(), options, clients->factory(),
///                                      mr::system_clock());
class KafkaClients {
 public:
  /// Uses the engine's options: servers, ids, time-outs, `kafka` properties. Connects to nothing
  /// yet. Error: `kConfig`, with librdkafka's text.
  static Result<KafkaClients> create(const EngineOptions& options);
  KafkaClients(KafkaClients&&) noexcept;
  KafkaClients& operator=(KafkaClients&&) noexcept;
  ~KafkaClients();

  /// Must outlive the engine; keeps its address when this is moved.
  engine::ClientFactory& factory() const { return *factory_; }

 private:
  explicit KafkaClients(std::unique_ptr<engine::ClientFactory> factory);
  std::unique_ptr<engine::ClientFactory> factory_;
};

}  // namespace millrace
