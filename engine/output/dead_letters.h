#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/clients/record_batch.h"
#include "engine/output/collector.h"
#include "engine/secrets/sealing.h"

namespace millrace::engine {

/// Stages a dead letter: the original key, value, timestamp and headers, followed by headers
/// `millrace.error` (code), `millrace.reason` (text), `millrace.topic`, `millrace.partition`,
/// `millrace.offset` and `millrace.task` (decimal, ids as in logs).
///
/// With a `key` the original's key, value and headers' values are sealed, each in the context of
/// what it is and where it came from, and a header `millrace.key` (the key's id) comes last.
void stage_dead_letter(Collector& collector, int32_t topic, int32_t topic_partitions,
                       const FetchedRecord& original, const RecordPosition& position, TaskId task,
                       const Error& reason, const SealingKey* key);

/// A dead letter taken apart.
struct DeadLetter {
  std::string error;
  std::string reason;
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::string task;
  std::string key_id;  ///< empty: not sealed
  /// The record as it was, or as it is sealed.
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;  ///< nullopt: null
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::string>> headers{};

  bool is_sealed() const { return !key_id.empty(); }
};

/// Nullopt for a record that is no dead letter.
std::optional<DeadLetter> read_dead_letter(const FetchedRecord& record);

/// Opens a sealed letter with the one of `keys` that it names; `is_sealed` is false afterwards.
/// Errors: `kNotFound` when none is it, `kInvalidRecord` when the letter was changed.
Status open_dead_letter(DeadLetter& letter, std::span<const SealingKey> keys);

}  // namespace millrace::engine
