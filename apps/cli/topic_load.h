#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"

namespace millrace::apps {

/// Of a line, without its newline.
inline constexpr size_t kLoadLineBytesMax = size_t{4} << 20;

struct LoadOptions {
  std::string topic;
  std::string type;  ///< empty: as the topic says
};

struct LoadOutcome {
  int64_t records = 0;
  int64_t tombstones = 0;  ///< of them
};

/// Writes the records of JSON lines as `dump_topic` prints them; `partition` and `offset` in them
/// count for nothing. Records go to their key's partition (of a composite key, to its id's; without
/// a key to each in turn) and are delivered when this returns, also those before a line that is
/// wrong. Without timestamp a record has the time of loading.
///
/// Errors: `kInvalidRecord` with the line's number, also for what the readers of a CRM topic would
/// refuse; `kNotFound` for the topic; those of the clients.
Result<LoadOutcome> load_topic(const LoadOptions& options, std::istream& lines,
                               engine::ClientFactory& clients);

}  // namespace millrace::apps
