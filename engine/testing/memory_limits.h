#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "engine/testing/memory_broker.h"

namespace millrace::testing {

/// Bytes of a record within a batch, as Kafka writes it.
size_t record_bytes(const StoredRecord& record);
/// Of a batch without records.
inline constexpr size_t kBatchHeaderBytes = 61;

/// Why a topic with these settings refuses a record that comes in a batch of `batch_bytes`; empty:
/// it takes it. Settings that are missing are Kafka's defaults, and no bound on timestamps.
std::string refusal(const std::map<std::string, std::string>& config, const StoredRecord& record,
                    size_t batch_bytes, int64_t now_ms);
/// Whether the broker replaces the times of records by its own.
bool stamps_records(const std::map<std::string, std::string>& config);

}  // namespace millrace::testing
