#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/group/group_log.h"
#include "engine/plan/plan.h"

namespace millrace::engine {

/// Finds the reports of instances that are gone, so that the leader removes them: otherwise names
/// that change with every start would stay in the topic for ever.
///
/// An instance that comes back reports before it joins, which counts as a sign of life.
class GoneReports {
 public:
  /// Names of instances without a sign of life for ten minutes, a bounded number of them. `plan` is
  /// the present generation's. Looks only now and then, so call it at any time.
  std::vector<std::string> find(const GroupLog& log, const Plan& plan, int64_t now_ns);

 private:
  struct Absence {
    int64_t offset = 0;  ///< of the last report
    int64_t since_ns = 0;
  };
  std::map<std::string, Absence> absences_;
  int64_t looked_ns_ = 0;
};

}  // namespace millrace::engine
