#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "engine/base/errands.h"
#include "engine/base/question.h"
#include "engine/clients/clients.h"
#include "engine/commit/producer_session.h"
#include "engine/loop/instance.h"
#include "engine/restore/restorer.h"

namespace millrace::engine {

/// Where a task starts to run.
struct StartPosition {
  std::vector<int64_t> offsets;       ///< one per input
  std::vector<int64_t> backlog_ends;  ///< one per input, for timers on the wall clock; else empty
  int64_t stream_time_ms = -1;        ///< see `PartitionOffset`
  /// Inputs that hold records and of which the group knows no offset: never read, or forgotten.
  std::vector<TopicPartition> unknown;
  /// Where inputs begin that do not begin at 0 and of which the group knows no offset.
  std::vector<PartitionOffset> cut;
  std::vector<PartitionOffset> table_ends;  ///< where the broadcast tables of the question end
  std::map<std::string, int32_t> table_partitions;  ///< if the question needs their number
};

/// A question about one task.
struct StartQuestion {
  std::vector<TopicPartition> inputs;       ///< of a task that is to run; else empty
  bool needs_ends = false;                  ///< asks also where the inputs end
  std::vector<TopicPartition> tables;       ///< of the broadcast tables that it reads
  bool needs_partitions = false;            ///< asks also how many partitions these tables have
  std::vector<PartitionOffset> changelogs;  ///< of `Restorer::changelogs_of`
};

struct StartAnswer {
  StartPosition start;                      ///< of a task that is to run
  std::vector<ChangelogExtent> changelogs;  ///< one per changelog of the question
};

/// Asks Kafka from where tasks run and restore, on threads of its own: a question about one task
/// waits for its brokers, and for nothing else. Calls from the loop's thread, none of which wait.
///
/// Invariant: it reads offsets after all that could still change them has ended, so they are those
/// of the last commit; and it reads the ends of changelogs after that.
class StartFinder {
 public:
  using Answer = Pending<Result<StartAnswer>>;

  /// Any thread may call `on_answer`. All else must outlive this.
  StartFinder(Instance& instance, Admin& admin, const ProducerSession& session,
              std::function<void()> on_answer);

  /// Adds instances that are gone, whose transactions must end before it reads offsets.
  void add_dead(std::span<const std::string> instances);
  /// Ends transactions of the dead. Logs a failure that passes, and tries again by and by. Errors:
  /// those of `ClientFactory::producer` and `Producer::init_transactions`.
  Status fence_dead();
  /// Whether no transaction of these is left.
  bool are_fenced(std::span<const std::string> instances) const;

  /// REQUIRES for a task that is to run: the session is open, and those that are gone and ran it
  /// are fenced. Errors of the answer: those of `Admin::committed` and `Admin::watermarks`.
  std::shared_ptr<const Answer> ask(StartQuestion question);

 private:
  Status end_transactions_of(const std::string& instance) const;
  Result<StartAnswer> find(const StartQuestion& question) const;
  Result<StartPosition> locate(const StartQuestion& question) const;

  Instance& instance_;
  Admin& admin_;
  const ProducerSession& session_;
  const std::function<void()> on_answer_;
  std::map<std::string, Question<Status>> dead_;
  // Last: their threads use the rest. The dead have their own, so that those that cannot be fenced
  // hold up no start of a task that they never ran.
  Errands fences_;
  Errands starts_;
};

}  // namespace millrace::engine
