#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/synthetic/event.h"
#include "apps/synthetic/expected/record_row.h"
#include "apps/synthetic/outcome.h"

namespace millrace::apps::synthetic {

/// A live record under a root: it may grant something, or limit the grants of others.
struct GrantRecord {
  Kind kind = Kind::kEntitlement;
  uint64_t number = 0;
  const RecordRow* row = nullptr;
};

/// The entitlements of accounts, moment by moment: evaluates all records of a root at every day
/// that any of them names.
class GrantModel {
 public:
  void add(const crm::ProductFeaturesT& product, bool is_removal);
  /// By feature; only features that are granted at any time. `zone`: empty for UTC.
  std::map<std::string, EntitlementOutcome> entitlements_of(const std::vector<GrantRecord>& records,
                                                            const std::string& zone) const;

 private:
  std::map<std::string, crm::ProductFeaturesT> products_;
};

}  // namespace millrace::apps::synthetic
