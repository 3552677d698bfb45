#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"

namespace millrace::apps {

struct SampleOptions {
  int64_t records = 200;         ///< of each end of each partition
  int64_t records_max = 20'000;  ///< of one topic; many partitions give fewer each
  int64_t timeout_ms = 30'000;   ///< for one topic
};

struct SampleOutcome {
  int32_t partitions = 0;
  int64_t records = 0;  ///< visited
  int64_t offsets = 0;  ///< that the topic holds; it may hold fewer records
  bool is_cut = false;  ///< the time was over, or a stop requested, before the sample was whole
};

using SampleVisitor = std::function<void(int32_t partition, const engine::FetchedRecord& record)>;

/// Visits the oldest and the newest committed records of each partition, none of them twice.
/// Records behind an open transaction are left out. Errors: `kNotFound` for the topic, `kRefused`,
/// `kRetriable` when no broker answers in the time.
Result<SampleOutcome> sample_topic(engine::ClientFactory& clients, const std::string& topic,
                                   const SampleOptions& options, const std::stop_token& stop,
                                   const SampleVisitor& visit);

}  // namespace millrace::apps
