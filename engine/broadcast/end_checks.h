#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "millrace/core/clock.h"
#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/base/errands.h"
#include "engine/base/question.h"
#include "engine/clients/clients.h"

namespace millrace::engine {

/// Asks Kafka where the partitions of a reader begin and end, on threads of its own. Calls from one
/// thread, none of which wait.
///
/// So it finds out when the reader had all that a partition held. A Kafka client says once that it
/// is at the end of a partition. It says nothing more while it stays there, and nothing either
/// while its broker is away or the process stands still.
class EndChecks {
 public:
  /// Checks every partition about every `interval_ms`. All must outlive this.
  EndChecks(const ClientFactory& clients, Admin& admin, const Clock& clock, int64_t interval_ms);

  /// Partitions get the numbers 0, 1, 2, …
  void add(const TopicPartition& partition);
  /// The time of day of a question whose answer the reader has reached since the last call: at that
  /// time the partition held nothing at or after `position`, up to which the reader has read.
  std::optional<int64_t> poll(size_t number, int64_t position);
  /// Takes back the question that is under way or whose answer the reader has not reached.
  void restart(size_t number);

  /// Where the partition is, asked after the last answer of this. Nothing: the answer is not there
  /// yet, or the question failed; a later call asks again.
  std::optional<Admin::Watermarks> ask_bounds(size_t number);

 private:
  using Answer = Result<Admin::Watermarks>;
  struct Check {
    Check(const TopicPartition& checked, const Clock& clock);

    TopicPartition partition;
    Question<Answer> end_question;
    Question<Answer> bounds_question;
    int64_t due_ns = 0;     ///< of the next question for the end, on the steady clock
    int64_t asked_ms = -1;  ///< −1: nothing is asked
    int64_t end = -1;       ///< the answer, until the reader reaches it; −1: there is none yet
  };
  std::optional<Admin::Watermarks> ask(const Check& check, Question<Answer>& question,
                                       bool& has_failed);

  Admin& admin_;
  const Clock& clock_;
  const int64_t interval_ms_;
  std::deque<Check> checks_;
  Errands errands_;  ///< last: its threads use the rest
};

}  // namespace millrace::engine
