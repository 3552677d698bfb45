#pragma once

#include <memory>

#include "millrace/core/result.h"
#include "millrace/engine/options.h"

namespace millrace {

namespace engine {
class ClientFactory;
}  // namespace engine

/// How one engine reaches Kafka, for a program that runs an `Engine` of its own instead of calling
/// `run_main`:
///
///     auto clients = mr::KafkaClients::create(options);
///     auto engine = mr::Engine::create(topology(), options, clients->factory(),
///                                      mr::system_clock());
class KafkaClients {
 public:
  /// For the options of the engine: servers, ids, time-outs, `kafka` properties. Connects to
  /// nothing yet. Error: `kConfig`, with librdkafka's text.
  static Result<KafkaClients> create(const EngineOptions& options);
  KafkaClients(KafkaClients&&) noexcept;
  KafkaClients& operator=(KafkaClients&&) noexcept;
  ~KafkaClients();

  /// Must outlive the engine; stays where it is when this is moved.
  engine::ClientFactory& factory() const { return *factory_; }

 private:
  explicit KafkaClients(std::unique_ptr<engine::ClientFactory> factory);
  std::unique_ptr<engine::ClientFactory> factory_;
};

}  // namespace millrace
