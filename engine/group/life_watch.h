#pragma once

#include <deque>
#include <string>

#include "engine/plan/plan.h"

namespace millrace::engine {

/// Finds another process that uses this instance's name at the same time, as with a state directory
/// that was copied or is shared: both would run the same tasks and end each other's transactions
/// for ever.
///
/// Each process signs its reports with a random id, its life. Of two lives the one whose report
/// comes first in the log is the elder; it calls the younger one out by name, and that one ends.
class LifeWatch {
 public:
  explicit LifeWatch(std::string instance);

  /// Puts our life into a report, and the life that is called out.
  void sign(InstanceReport& report) const;
  /// Takes a report of the log; call it for all of them, in the log's order.
  void see(const InstanceReport& report);
  /// Whether a younger life was seen since the last call.
  bool take_found();
  /// Whether an elder life called us out.
  bool is_called_out() const { return is_called_out_; }

 private:
  const std::string instance_;
  const std::string life_;
  std::deque<std::string> elders_;  ///< lives seen before ours; the latest of them
  std::string rival_;               ///< the younger life seen last; empty: none
  bool has_begun_ = false;          ///< our own report was seen
  bool has_found_ = false;
  bool is_called_out_ = false;
};

}  // namespace millrace::engine
