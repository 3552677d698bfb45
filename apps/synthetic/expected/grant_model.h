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

/// A live record under a root: it may grant something, or limit what others grant.
struct GrantRecord {
  Kind kind = Kind::kEntitlement;
  uint64_t number = 0;
  const RecordRow* row = nullptr;
};

/// What accounts may use, moment by moment: at every day that any record of a root speaks of, all
/// of them are asked.
class GrantModel {
 public:
  void add(const crm::ProductFeaturesT& product, bool is_removal);
  /// By feature; of those that something is granted of at any time. `zone`: empty for UTC.
  std::map<std::string, EntitlementOutcome> entitlements_of(const std::vector<GrantRecord>& records,
                                                            const std::string& zone) const;

 private:
  std::map<std::string, crm::ProductFeaturesT> products_;
};

}  // namespace millrace::apps::synthetic
