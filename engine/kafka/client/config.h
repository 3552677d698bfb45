#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/result.h"

#include "engine/kafka/client/handles.h"
#include "engine/kafka/kafka_clients.h"

namespace millrace::engine::kafka {

enum class ClientKind : unsigned char { kConsumer, kProducer };

/// Builds a client's configuration: what all clients share, then the caller's `set`s, then the
/// user's properties. The first error sticks and shows at `create`.
class ClientConfig {
 public:
  /// `options` must outlive this. The client's id is "<client id>-<purpose>"; an empty `purpose`
  /// leaves the client id alone.
  ClientConfig(const KafkaOptions& options, ClientKind kind, std::string_view purpose);

  void set(const std::string& name, const std::string& value);
  void set(const std::string& name, int64_t value) { set(name, std::to_string(value)); }
  rd_kafka_conf_t* raw() { return conf_.get(); }  ///< for callbacks

  /// Error: `kConfig` for the first property that librdkafka does not take, the user's included.
  Status check();
  /// Makes the client. Error: `kConfig`. Call once.
  Result<Client> create();

 private:
  const KafkaOptions& options_;
  ClientKind kind_;
  Conf conf_;
  Status problem_;
};

/// Error `kConfig` when options contradict each other, or a property is unknown to librdkafka, has
/// a wrong value or is the engine's own.
Status check_options(const KafkaOptions& options);

}  // namespace millrace::engine::kafka
