#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"

namespace millrace::engine {

/// How an instance reaches Kafka.
struct KafkaOptions {
  std::string bootstrap_servers = "127.0.0.1:9092";
  std::string application_id;  ///< the consumer group
  std::string instance_id;     ///< static member id; empty: dynamic member
  std::string client_id = "millrace";

  int64_t session_timeout_ms = 10'000;
  /// A revocation not acknowledged by then costs the membership (kLost follows). Not below the
  /// session time-out.
  int64_t barrier_timeout_ms = 60'000;
  int64_t transaction_timeout_ms = 10'000;
  /// Fetched and not yet polled, over all partitions of one fetcher. Each partition may go over its
  /// share by one fetch response (an eighth of it, 256 KiB to 1 MiB); the smallest share is 256
  /// KiB.
  size_t prefetch_bytes = 64 << 20;
  size_t send_buffer_bytes = 128 << 20;  ///< sent and not yet delivered; then `send` blocks
  int32_t replication_factor = -1;  ///< of topics that `Admin` creates; −1: the broker's default

  /// librdkafka properties, applied after all of ours: "x" (or "kafka.x") for every client,
  /// "consumer.x" or "producer.x" for one kind. Those that carry the engine's guarantees (group,
  /// isolation, commits, assignment) cannot be set. Values may be secrets: never logged.
  std::map<std::string, std::string> properties;
};

/// Clients over librdkafka. Connects to nothing yet. Error: `kConfig` for options and properties
/// that do not fit, with librdkafka's text.
///
/// The factory may be destroyed before its clients. Clients must be destroyed by the thread that
/// uses them; that takes a bounded time, broker or not.
Result<std::unique_ptr<ClientFactory>> make_kafka_clients(KafkaOptions options);

}  // namespace millrace::engine
