#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/clients/record_batch.h"
#include "engine/output/collector.h"
#include "engine/secrets/sealing.h"

namespace millrace::engine {

/// Where dead letters go, and how they are made. All must outlive it.
struct LetterBox {
  Collector& collector;
  const OutputTopics& topics;
  int32_t topic = 0;                ///< among `topics`
  const SealingKey* key = nullptr;  ///< null: letters are in clear
  int64_t now_ms = 0;
};

/// The record of a dead letter.
struct LetterSubject {
  const FetchedRecord& record;
  /// The parts that `record` lacks of the one at the position, for the account of the cuts; empty:
  /// none.
  std::string_view missing;
};

/// Stages a dead letter: the original key, value, timestamp and headers, followed by headers
/// `millrace.error` (code), `millrace.reason` (text), `millrace.topic`, `millrace.partition`,
/// `millrace.offset` and `millrace.task` (decimal, ids as in logs).
///
/// With a `key` the original's key, value and headers' values are sealed, each in the context of
/// what it is and where it came from, and a header `millrace.key` (the key's id) follows.
///
/// Cuts a letter that its topic would refuse to what the topic takes: leaves out headers that do
/// not fit, keeps only the beginning of the value, or if need be of the key, and moves a timestamp
/// to the nearest one in bounds. A last header `millrace.cut` then lists the cuts; the whole record
/// is only at its position. If the topic does not even take the metadata, the unit's status
/// says so.
void stage_dead_letter(const LetterBox& box, const LetterSubject& subject,
                       const RecordPosition& position, TaskId task, const Error& reason);

/// A dead letter taken apart.
struct DeadLetter {
  std::string error;
  std::string reason;
  std::string topic;
  int32_t partition = 0;
  int64_t offset = 0;
  std::string task;
  std::string key_id;  ///< empty: not sealed
  std::string cut;     ///< the parts that are not in the letter; empty: none
  /// The record as it was, or as it is sealed.
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;  ///< nullopt: null
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers{};

  bool is_sealed() const { return !key_id.empty(); }
};

/// Nullopt for a record that is no dead letter.
std::optional<DeadLetter> read_dead_letter(const FetchedRecord& record);

/// Opens a sealed letter with the one of `keys` that it names; `is_sealed` is false afterwards.
/// Errors: `kNotFound` when it names none of them, `kInvalidRecord` when the letter was changed.
Status open_dead_letter(DeadLetter& letter, std::span<const SealingKey> keys);

}  // namespace millrace::engine
