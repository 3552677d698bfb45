#pragma once

#include <memory>
#include <optional>
#include <string>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/clients/clients.h"
#include "engine/output/collector.h"
#include "engine/output/output_topics.h"
#include "engine/secrets/sealing.h"

namespace millrace::apps::sink {

/// Sends records that the database cannot hold to a topic of dead letters, in the form that
/// `millrace topic dump` shows.
class Letters {
 public:
  /// Creates the topic if it is missing. Errors: those of the admin and the producer.
  static Result<std::unique_ptr<Letters>> open(const std::string& topic,
                                               std::optional<engine::SealingKey> key,
                                               engine::ClientFactory& clients,
                                               engine::Admin& admin);

  /// Error: `kRefused` when the topic does not even take the letter's metadata.
  Status add(const TopicPartition& partition, const engine::FetchedRecord& record,
             const Error& reason);
  /// Waits until all that were added since the last call are delivered. Errors: the producer's.
  Status flush();
  /// Forgets those.
  void drop() { collector_.clear(); }

 private:
  Letters(const std::string& topic, std::optional<engine::SealingKey> key);

  engine::OutputTopics topics_;
  engine::Collector collector_;
  std::optional<engine::SealingKey> key_;
  std::unique_ptr<engine::Producer> producer_;
};

}  // namespace millrace::apps::sink
