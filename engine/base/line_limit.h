#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "millrace/core/clock.h"

namespace millrace::engine {

/// Bounds the lines that records may cause in the log: of a kind, the first ones of a minute are
/// logged, and of the others their number. Whoever counts records does so beside it. Thread-safe.
class LineLimit {
 public:
  static constexpr uint64_t kLinesMax = 20;  ///< of a kind, in a minute

  /// `clock` outlives this.
  explicit LineLimit(const Clock& clock) : clock_(clock) {}

  /// Whether to log a line of this kind now. `kind` is read in the log; there are few kinds.
  bool allows(std::string_view kind);
  /// Logs how many lines were left out in minutes that are over; at the end, in the others too.
  void tell_left_out(bool is_end = false);

 private:
  struct Minute {
    int64_t since_ns = 0;
    uint64_t lines = 0;  ///< those left out included
  };
  static void tell(std::string_view kind, const Minute& minute);

  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Minute, std::less<>> minutes_;  ///< by kind
};

}  // namespace millrace::engine
