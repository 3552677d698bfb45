#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/operators/harness.h"

namespace millrace::testing {

// The sides have values of different types, so that a mix-up shows.
inline constexpr Topic<std::string, int64_t> kLefts{"lefts"};
inline constexpr Topic<std::string, std::string> kRights{"rights"};
inline constexpr Topic<std::string, std::string> kJoined{"joined"};

/// "1+x"; "-" for a side that is not there.
std::string both(Maybe<int64_t> left, Maybe<std::string> right);

/// The two streams, joined with `both` as "join" and written to `kJoined`.
Result<Topology> joined(operators::JoinKind kind, const JoinWindows& windows);

/// A record of the left side, "l", or of the right one, "r", whose value is the number or its text;
/// and what follows from it: "a:1+2@5" for each result, with a blank between.
struct JoinStep {
  std::string_view side;
  std::string key;
  int64_t value = 0;
  int64_t timestamp_ms = 0;
  std::string results;
};

/// Pipes the record of a step, whatever its results.
void pipe(Harness& harness, const JoinStep& step);
/// The results at `kJoined` since the last call, as a step has them.
std::string read_joined(Harness& harness);
/// Pipes each record and expects its results.
void steps(Harness& harness, const std::vector<JoinStep>& all);

/// The records that a join keeps: "a<5" for a left one of key a and time 5, "a>5" for a right one.
std::string records_in(const Harness& harness, std::string_view store);

/// Another harness of the same topology, as a restore makes it of the rows in the changelog.
std::unique_ptr<Harness> moved(Result<Topology> topology, const Harness& before);

}  // namespace millrace::testing
