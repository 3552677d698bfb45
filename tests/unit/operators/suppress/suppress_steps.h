#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/operators/harness.h"

namespace millrace::testing {

inline constexpr Topic<std::string, int64_t> kRows{"rows"};
inline constexpr Topic<std::string, int64_t> kOut{"out"};
inline constexpr Topic<std::string, int64_t> kSums{"sums"};

/// The table of `kRows`, suppressed as "held", written to `kOut`; the sum of all rows that came out
/// is the one row "all" of `kSums`.
Result<Topology> held(const UntilTimeLimit& until);

/// A change of a row, and what comes out: "a=1@5" for each change, with a blank between.
struct TableStep {
  std::string key;
  std::optional<int64_t> value;
  int64_t timestamp_ms = 0;
  std::string results;
};

/// The changes at `kOut` since the last call, as a step has them.
std::string read_out(Harness& harness);
/// Makes each change and expects what comes out.
void table_steps(Harness& harness, const std::vector<TableStep>& all);

/// Another harness of the same topology, as a restore makes it of the rows in the changelog.
std::unique_ptr<Harness> moved_with(Result<Topology> topology, const Harness& before,
                                    const std::vector<std::string>& stores);

}  // namespace millrace::testing
