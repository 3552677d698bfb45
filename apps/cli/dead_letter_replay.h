#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"
#include "engine/secrets/sealing.h"

namespace millrace::apps {

struct ReplayOptions {
  std::string topic;  ///< of dead letters
  int64_t from = 0;   ///< first and last offset to replay, of every partition
  int64_t to = std::numeric_limits<int64_t>::max();
  int64_t timeout_s = 60;
};

struct ReplayOutcome {
  int64_t replayed = 0;
  int64_t passed_over = 0;  ///< no dead letters, or out of range
  /// Of letters that do not have their whole record, and are passed over: where the letter is,
  /// where the record is, and what was cut.
  std::vector<std::string> cut;
};

/// Loads the keys in `files`.
Result<std::vector<engine::SealingKey>> load_keys(const std::vector<std::filesystem::path>& files);

/// Sends the records of dead letters again to the topics and partitions they came from, with their
/// original key, value, headers and timestamp. Sends nothing unless every letter in range opens.
/// Errors: `kNotFound` for a topic or key, `kInvalidRecord` for a letter that was changed; those of
/// the clients.
Result<ReplayOutcome> replay_dead_letters(const ReplayOptions& options,
                                          const std::vector<engine::SealingKey>& keys,
                                          engine::ClientFactory& clients);

}  // namespace millrace::apps
