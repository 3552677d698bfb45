#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "history.h"

namespace millrace::simulation::crm_job {

/// Checks of single outputs, as they become visible: what no order of the inputs and no fault
/// allows. Counters and epochs never go back; nobody has an output whom no input named; a field's
/// value is one that its member got with that version; the current entitlement is the one of its
/// time.
class OutputChecks {
 public:
  void accept(const History::Event& event);
  /// Finds nothing wrong with records of other topics.
  Finding check(const std::string& topic, const testing::StoredRecord& record);

 private:
  Finding check_state(const std::string& root, const std::string* bytes);
  Finding check_redirect(const std::string& id, const std::string* bytes);
  Finding check_territory(const std::string& key, const std::string* bytes);
  Finding check_entitlement(const std::string& key, const std::string* bytes);
  Finding check_conflict(const std::string& bytes);
  Finding check_known(const std::string& id) const;

  std::set<std::string> ids_;                             ///< that inputs named
  std::set<std::pair<std::string, std::string>> fields_;  ///< by name, with value and version
  int64_t latest_ms_ = 0;                                 ///< the newest version's time
  std::map<std::string, uint64_t> counters_;              ///< of states, by root
  std::map<std::string, uint64_t> epochs_;                ///< of territories, by their keys
  std::map<std::string, uint64_t> feature_counters_;      ///< of entitlements, by their keys
  std::map<std::string, int64_t> as_of_ms_;               ///< likewise
};

}  // namespace millrace::simulation::crm_job
