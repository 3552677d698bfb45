#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace millrace::operators {

enum class WindowKind : unsigned char { kTime, kSliding, kSession };

/// Windows as a program defines them, unchecked.
struct WindowSpec {
  WindowKind kind = WindowKind::kTime;
  int64_t size_ms = 0;     ///< the time difference of sliding windows, the gap of sessions
  int64_t advance_ms = 0;  ///< kTime
  int64_t grace_ms = 0;
  std::optional<int64_t> retention_ms = {};
  std::optional<int64_t> max_ahead_ms = {};  ///< records further ahead of stream time are dropped
  bool emits_final = false;                  ///< each window once, when it closes
  /// The first child of the operator gets the records that are late or too far ahead.
  bool has_late_output = false;

  /// The shortest retention with which results are right.
  int64_t retention_min_ms() const;
  /// The end of a sentence that begins with the windows and says why they cannot be; empty: they
  /// can.
  std::string fault() const;
};

/// Which records of two streams join, as a program defines it, unchecked.
struct JoinWindowSpec {
  int64_t before_ms = 0;  ///< a right record is at most so much earlier than the left one
  int64_t after_ms = 0;   ///< a right record is at most so much later
  int64_t grace_ms = 0;
  std::optional<int64_t> max_ahead_ms = {};  ///< as for `WindowSpec`

  /// As for `WindowSpec`.
  std::string fault() const;
};

}  // namespace millrace::operators
