#pragma once

#include <string_view>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/collector.h"
#include "engine/record_batch.h"

namespace millrace::engine {

/// Stages a dead letter: the original key, value, timestamp and headers, followed by headers
/// `millrace.error` (code), `millrace.reason` (text), `millrace.topic`, `millrace.partition`,
/// `millrace.offset` and `millrace.task` (decimal, ids as in logs).
void stage_dead_letter(Collector& collector, int32_t topic, int32_t topic_partitions,
                       const FetchedRecord& original, const RecordPosition& position, TaskId task,
                       const Error& reason);

}  // namespace millrace::engine
