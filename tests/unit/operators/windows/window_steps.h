#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/operators/harness.h"

namespace millrace::testing {

inline constexpr Topic<std::string, int64_t> kIn{"in"};
inline constexpr Topic<Windowed<std::string>, int64_t> kWindowed{"windowed"};

template <class F>
Result<Topology> topology(F define) {
  TopologyBuilder builder{"test"};
  define(builder.stream(kIn));
  return std::move(builder).build();
}

/// A record, and what follows from it: "a[0,10)=1@3" for each result, with a blank between.
struct Step {
  std::string key;
  int64_t value = 0;
  int64_t timestamp_ms = 0;
  std::string results;
};

/// Pipes each record and expects its results at `kWindowed`.
void steps(Harness& harness, const std::vector<Step>& all);

/// The windows that a store has, in the order of their keys' bytes.
std::string windows_in(const Harness& harness, std::string_view store);

}  // namespace millrace::testing
