#include "millrace/engine/kafka_clients.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/clients/clients.h"
#include "engine/kafka/kafka_clients.h"

namespace millrace {
namespace {

constexpr int64_t kBarrierTimeoutMinMs = 60'000;

}  // namespace

Result<KafkaClients> KafkaClients::create(const EngineOptions& options) {
  auto factory = engine::make_kafka_clients(
      {.bootstrap_servers = options.bootstrap_servers,
       .application_id = options.application_id,
       .instance_id = options.instance_id,
       .client_id = options.instance_id.empty()
                        ? options.application_id
                        : options.application_id + "-" + options.instance_id,
       .session_timeout_ms = options.session_timeout_ms,
       .barrier_timeout_ms = std::max(kBarrierTimeoutMinMs, options.session_timeout_ms),
       .transaction_timeout_ms = options.transaction_timeout_ms,
       .prefetch_bytes = options.input_buffer_bytes,
       .replication_factor = options.replication_factor,
       .properties = options.kafka});
  if (!factory.ok()) return factory.status();
  return KafkaClients(*std::move(factory));
}

KafkaClients::KafkaClients(std::unique_ptr<engine::ClientFactory> factory)
    : factory_(std::move(factory)) {}
KafkaClients::KafkaClients(KafkaClients&&) noexcept = default;
KafkaClients& KafkaClients::operator=(KafkaClients&&) noexcept = default;
KafkaClients::~KafkaClients() = default;

}  // namespace millrace
