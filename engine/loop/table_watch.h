#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/core/result.h"

#include "engine/base/errands.h"
#include "engine/clients/clients.h"
#include "engine/loop/instance.h"

namespace millrace::engine {

/// The last words of an instance that reads fewer partitions of a broadcast topic than there are.
Error table_has_grown(const std::string& topic, int32_t partitions, int32_t read);

/// Looks now and then whether a broadcast topic got more partitions, which nobody reads. The group
/// notices that for its inputs, but it has not subscribed to these. Loop's thread only.
class TableWatch {
 public:
  /// `partitions`: of each broadcast topic, as the instance reads it. The others must outlive this.
  TableWatch(const Instance& instance, Admin& admin,
             std::vector<std::pair<std::string, int32_t>> partitions);

  /// Never waits. Error: `kConfig` once a topic has more partitions. Later it asks a question again
  /// that failed.
  Status check();
  /// Asks nothing more. The end waits for the question under way, this does not.
  void stop() { errands_.stop(); }

 private:
  Status look() const;

  const Clock& clock_;
  Admin& admin_;
  const std::vector<std::pair<std::string, int32_t>> partitions_;
  int64_t due_ns_ = 0;
  std::shared_ptr<const Pending<Status>> answer_;  ///< null: nothing is asked
  Errands errands_;                                ///< last: its thread uses the rest
};

}  // namespace millrace::engine
