#pragma once

#include <cstdint>
#include <cstdlib>

#include "millrace/core/clock.h"

namespace millrace::engine {

/// Notices that this process stood still: it was stopped, or its machine was asleep. Meanwhile the
/// group may have given its tasks to others, which it learns only some time after it woke. One
/// thread.
class StandstillWatch {
 public:
  /// `session_timeout_ms`: how long the group waits for a member.
  StandstillWatch(const Clock& clock, int64_t session_timeout_ms)
      : clock_(clock), session_timeout_ms_(session_timeout_ms), turn_ms_(clock.now_ms()) {}

  /// Call it once a turn, before news of the group.
  void turn() {
    const int64_t now_ms = clock_.now_ms();
    if (std::abs(now_ms - turn_ms_) > session_timeout_ms_) {
      if (!is_in_doubt()) stood_still_ms_ = turn_ms_;
      woke_ms_ = now_ms;
    } else if (is_in_doubt() &&
               std::abs(now_ms - woke_ms_) > kSessionsOfDoubt * session_timeout_ms_) {
      stood_still_ms_ = -1;
    }
    turn_ms_ = now_ms;
  }
  /// While the process was a member as far as it knows: until when, by the time of day, it surely
  /// was one.
  int64_t member_until_ms() const { return is_in_doubt() ? stood_still_ms_ : turn_ms_; }

 private:
  /// A member that the group has dropped hears of it with its next heartbeat, or finds itself that
  /// the group does not answer for a session.
  static constexpr int64_t kSessionsOfDoubt = 3;

  bool is_in_doubt() const { return stood_still_ms_ >= 0; }

  const Clock& clock_;
  const int64_t session_timeout_ms_;
  int64_t turn_ms_;
  int64_t stood_still_ms_ = -1;  ///< the last turn before; −1: it has not stood still
  int64_t woke_ms_ = 0;          ///< the first turn after
};

}  // namespace millrace::engine
