#pragma once

#include <map>
#include <memory>
#include <optional>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/base/errands.h"
#include "engine/clients/clients.h"

namespace millrace::engine {

/// Asks where partitions begin and end, on threads of its own: a partition without a leader has no
/// answer for seconds. Calls from one thread, none of which wait.
class WatermarkQuestions {
 public:
  /// `admin` outlives this.
  WatermarkQuestions(const ClientFactory& clients, Admin& admin);

  /// The answer, once: asks when nothing is asked about the partition. Nothing: it is not there
  /// yet, or the question failed; the next call asks again.
  std::optional<Admin::Watermarks> poll(const TopicPartition& partition);
  /// Takes a question back.
  void drop(const TopicPartition& partition) { asked_.erase(partition); }

 private:
  using Answer = Pending<Result<Admin::Watermarks>>;

  Admin& admin_;
  std::map<TopicPartition, std::shared_ptr<const Answer>> asked_;
  Errands errands_;  ///< last: its threads use the rest
};

}  // namespace millrace::engine
