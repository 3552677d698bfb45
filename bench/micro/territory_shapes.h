#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "crm/territory/rules/definitions.h"
#include "split_mix.h"
#include "tests/unit/crm/territory/territory_oracle.h"

// Territories and accounts of the sizes that CRM.md speaks of: per two territories three rules of
// three items. The same in every run.
namespace millrace::crm::territory {

/// Chance, the same in every run.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  size_t below(size_t count) {
    const uint64_t n = split_mix(state_);
    state_ += kSplitMixStep;
    return n % count;
  }
  /// Small numbers much more often than large ones, as countries and industries are.
  size_t skewed_below(size_t count) { return std::min(below(count), below(count)); }

 private:
  uint64_t state_;
};

/// A top territory, countries, regions of countries, and leaves below regions: each leaf has a rule
/// of its area, each second one a rule of its segment, each country one that all below inherit.
std::vector<RuleSetChange> make_changes(size_t territories);
/// Of all `territories` those that are leaves.
size_t leaves_of(size_t territories);
/// The rule of a leaf's area; `b:area-` and the leaf's number.
RuleDefinition area_rule(size_t leaf, size_t leaves);
/// One rule of a leaf's segment; `b:segment-` and the leaf's number, of even leaves.
RuleDefinition segment_rule(size_t leaf, Random& random);

OracleAccount make_account(Random& random);
std::vector<OracleAccount> make_accounts(size_t count);

}  // namespace millrace::crm::territory
