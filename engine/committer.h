#pragma once

#include <span>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"
#include "millrace/engine/metrics.h"

#include "engine/clients.h"
#include "engine/fail_point.h"
#include "engine/producer_session.h"
#include "engine/scheduler.h"
#include "engine/task.h"

namespace millrace::engine {

/// Makes what tasks did since the last commit visible together, and durable.
///
/// The invariants: stores get only what Kafka committed (I1), and offsets, changelogs and outputs
/// become visible in one transaction (I2).
class Committer {
 public:
  Committer(ProducerSession& session, Scheduler& scheduler, FailPoint& fail_point, Metrics& metrics,
            const Clock& clock);

  /// Commits `tasks`, all of them dirty, for the generation of `group`. After an error nothing is
  /// certain, and all tasks of the instance must be reset (I4). Errors: those of `Producer`,
  /// `kStoreIo` (fatal), whatever a fail point returns (fatal: `FailPoint::has_fired`).
  Status commit(std::span<Task* const> tasks, const GroupMetadata& group);

 private:
  Status send_all(std::span<Task* const> tasks);
  Status apply_all(std::span<Task* const> tasks);
  /// Runs `work` on all tasks side by side; the error of the first in order that failed.
  Status for_all(std::span<Task* const> tasks, const std::function<Status(Task&)>& work);

  ProducerSession& session_;
  Scheduler& scheduler_;
  FailPoint& fail_point_;
  Metrics& metrics_;
  const Clock& clock_;
};

}  // namespace millrace::engine
