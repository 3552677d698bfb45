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

/// Finds out when a reader had all that its partitions held. A Kafka client says once that it is at
/// the end of a partition. It says nothing more while it stays there, and nothing either while its
/// broker is away or the process stands still. So this asks Kafka now and then where a partition
/// ends, on a thread of its own. Calls from one thread, none of which wait.
class EndChecks {
 public:
  /// All must outlive this.
  EndChecks(const ClientFactory& clients, Admin& admin, const Clock& clock);

  /// Checks a partition about every `interval_ms`. Partitions get the numbers 0, 1, 2, …
  void add(const TopicPartition& partition, int64_t interval_ms);
  /// The time of day of a question whose answer the reader has reached since the last call: at that
  /// time the partition held nothing at or after `position`, up to which the reader has read.
  std::optional<int64_t> poll(size_t number, int64_t position);
  /// Takes back the question that is under way or whose answer the reader has not reached.
  void restart(size_t number);

 private:
  using Answer = Result<Admin::Watermarks>;
  struct Check {
    Check(const TopicPartition& checked, int64_t every_ms, const Clock& clock);

    TopicPartition partition;
    int64_t interval_ms;
    Question<Answer> question;
    int64_t due_ns = 0;     ///< of the next question, on the steady clock
    int64_t asked_ms = -1;  ///< −1: nothing is asked
    int64_t end = -1;       ///< the answer, until the reader reaches it; −1: there is none yet
  };

  Admin& admin_;
  const Clock& clock_;
  std::deque<Check> checks_;
  Errands errands_;  ///< last: its thread uses the rest
};

}  // namespace millrace::engine
