#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"

namespace millrace::apps {

/// Reads a topic from its beginning to the high watermarks it has at the call, committed records
/// only, partition by partition in offset order (partitions interleaved). `visit` returns false to
/// end early. Errors: `kNotFound` for the topic; `kTimedOut` when the end was not reached in
/// `timeout_ms`, e.g. since a transaction is still open; `kRetriable`, `kRefused`.
Status read_topic(
    engine::ClientFactory& clients, const std::string& topic, int64_t timeout_ms,
    const std::function<bool(int32_t partition, const engine::FetchedRecord&)>& visit);

}  // namespace millrace::apps
