#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "millrace/engine/query_router.h"

#include "engine/clients/clients.h"

namespace millrace::engine {

/// `QueryRouter::newest_records` by clients of its own, which it closes at the end.
Result<std::vector<QueryRouter::TopicRecord>> newest_records(
    ClientFactory& clients, const std::string& topic, size_t records_max,
    std::chrono::steady_clock::time_point deadline);

}  // namespace millrace::engine
