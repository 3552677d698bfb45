#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "apps/synthetic/outcome.h"

namespace millrace::apps::synthetic {

/// The line for a row of an output topic. Error: `kInvalidRecord` for bytes that are no valid row.
Result<std::string> published_line(Output output, Bytes value, int64_t as_of_ms);

struct Difference {
  std::string topic;
  std::string key;
  std::string expected;   ///< empty: no such row is expected
  std::string published;  ///< empty: no such row is published
};
/// In order of topics and keys.
std::vector<Difference> differences(const FinalState& expected, const FinalState& published);
/// For people; shows zero bytes in keys as '|'.
std::string to_text(const Difference& difference);

}  // namespace millrace::apps::synthetic
