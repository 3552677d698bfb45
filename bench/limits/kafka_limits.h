#pragma once

#include <cstdint>
#include <string>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"

namespace millrace::bench {

/// CPU seconds of the whole process for reading all records of `topic`; sets `records` to their
/// number. Errors: those of the clients, `kTimedOut` after `timeout_s`.
Result<double> consume_all(engine::ClientFactory& clients, const std::string& topic,
                           int64_t timeout_s, int64_t& records);

/// CPU seconds of the whole process for writing so many records to `topic`, in transactions.
Result<double> produce(engine::ClientFactory& clients, const std::string& topic, int64_t records);

}  // namespace millrace::bench
