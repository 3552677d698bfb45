#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "engine/base/backoff.h"
#include "engine/base/errands.h"
#include "engine/clients/clients.h"
#include "engine/commit/producer_session.h"
#include "engine/loop/instance.h"
#include "engine/restore/restorer.h"

namespace millrace::engine {

/// From where a task runs.
struct StartPosition {
  std::vector<int64_t> offsets;       ///< one an input
  std::vector<int64_t> backlog_ends;  ///< one an input, for timers on the wall clock; else empty
  int64_t stream_time_ms = -1;        ///< as of `PartitionOffset`
  /// Inputs that hold records and of which the group knows no offset: never read, or forgotten.
  std::vector<TopicPartition> unknown;
  std::vector<PartitionOffset> table_ends;  ///< where the broadcast tables of the question end
};

/// A question about one task.
struct StartQuestion {
  std::vector<TopicPartition> inputs;       ///< of a task that is to run; else empty
  bool needs_ends = false;                  ///< where the inputs end is of interest
  std::vector<TopicPartition> tables;       ///< of the broadcast tables that it reads
  std::vector<PartitionOffset> changelogs;  ///< of `Restorer::changelogs_of`
};

struct StartAnswer {
  StartPosition start;                      ///< of a task that is to run
  std::vector<ChangelogExtent> changelogs;  ///< one a changelog of the question
};

/// Asks Kafka from where tasks run and restore, on threads of its own: a question about one task
/// waits for its brokers, and for nothing else. Calls from the loop's thread, none of which wait.
///
/// Invariant: offsets are read after all that could still change them has ended, so they are those
/// of the last commit; and where changelogs end is read after that.
class StartFinder {
 public:
  using Answer = Pending<Result<StartAnswer>>;

  /// `on_answer` is called from any thread. All else must outlive this.
  StartFinder(Instance& instance, Admin& admin, const ProducerSession& session,
              std::function<void()> on_answer);

  /// Instances that are gone: their transactions are ended before offsets are read.
  void add_dead(std::span<const std::string> instances);
  /// Ends transactions of the dead. Whether all are ended: until then tasks that are to run must
  /// wait. A failure that passes is logged, and tried again by and by. Errors:
  /// those of `ClientFactory::producer` and `Producer::init_transactions`.
  Result<bool> fence_dead();

  /// REQUIRES for a task that is to run: the session is open and `fence_dead` has said true.
  /// Errors of the answer: those of `Admin::committed` and `Admin::watermarks`.
  std::shared_ptr<const Answer> ask(StartQuestion question);

 private:
  using Fenced = Pending<Status>;
  struct Fence {
    Backoff backoff;
    std::shared_ptr<const Fenced> answer;  ///< null: not asked for yet, or not again
  };
  Status end_transactions_of(const std::string& instance) const;
  Result<StartAnswer> find(const StartQuestion& question) const;
  Result<StartPosition> locate(const StartQuestion& question) const;

  Instance& instance_;
  Admin& admin_;
  const ProducerSession& session_;
  const std::function<void()> on_answer_;
  std::map<std::string, Fence> dead_;
  Errands errands_;  ///< last: its threads use the rest
};

}  // namespace millrace::engine
