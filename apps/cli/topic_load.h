#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"

namespace millrace::apps {

/// Longest line, without its newline.
inline constexpr size_t kLoadLineBytesMax = size_t{4} << 20;

struct LoadOptions {
  std::string topic;
  std::string type;  ///< empty: the topic's type
};

struct LoadOutcome {
  int64_t records = 0;
  int64_t tombstones = 0;  ///< among the records
};

/// Writes the records of JSON lines in the form that `dump_topic` prints; ignores `partition` and
/// `offset` in them. A record goes to its key's partition (for a composite key, to that of its id;
/// without a key, to each in turn). All are delivered when this returns, also those before a wrong
/// line. A record without timestamp gets the time of loading.
///
/// Errors: `kInvalidRecord` with the line's number, also for a record that the readers of a CRM
/// topic would refuse; `kNotFound` for the topic; those of the clients.
Result<LoadOutcome> load_topic(const LoadOptions& options, std::istream& lines,
                               engine::ClientFactory& clients);

}  // namespace millrace::apps
