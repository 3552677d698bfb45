#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "crm/entitlement/catalogue.h"
#include "crm/entitlement/interval.h"
#include "crm/entitlement/source.h"
#include "crm/entitlement/zone.h"
#include "feature_entitlement_generated.h"

namespace millrace::crm {

/// A time in which a grant gives one amount.
struct Piece {
  Interval time{};
  EntitlementStatus status = EntitlementStatus::Active;
  int64_t amount = 0;
};

/// One source's grant of one feature, over all time.
struct Grant {
  std::string_view source;
  std::string_view via;
  FeatureKind kind = FeatureKind::Boolean;
  Precedence precedence = Precedence::Contract;
  std::string_view text{};
  Interval time{};              ///< in effect; suspensions not taken out, grace not added
  std::vector<Piece> pieces{};  ///< disjoint, in order of time, adjacent ones differ; not empty
};

/// The total order of ties: higher precedence, then later start, then lower id is stronger.
bool is_stronger(const Grant& a, const Grant& b);

/// Incidents used at one moment.
struct Use {
  int64_t at_ms = 0;
  std::string_view source;
  int64_t count = 0;
};

/// All grants and uses of one feature of an account.
struct FeatureGrants {
  std::string_view feature;
  FeatureKind kind = FeatureKind::Boolean;
  std::vector<Grant> grants{};  ///< all of `kind`, strongest first; not empty
  std::vector<Use> uses{};      ///< by time, then source; only for kind PerIncident
  size_t other_kind = 0;        ///< grants left out because the strongest is of another kind
};

/// The grants of `sources`, by feature in the order of names.
///
/// A function of the set of sources, whatever their order. Of several rows with one id (brought by
/// several members) the one with the highest version counts, then the lowest `via`. The effective
/// time of a grant is that of its source cut with those of all sources it is within, minus all
/// their suspensions, up to the first termination. Grace follows its last day in effect, with the
/// same suspensions, unless it was terminated before its end. A grant without time, or without
/// units at any time, does not count. Views live as long as those of the sources and the catalogue.
///
/// Cost for n sources, with s suspensions and ledger entries per grant: O(n log n + ns).
std::vector<FeatureGrants> grants_of(std::span<const SourceView> sources, const Zone& zone,
                                     const Catalogue& catalogue);

/// The number of subscriptions that give features and have neither a quantity nor a ledger: they
/// have no units, so they give nothing.
size_t subscriptions_without_units(std::span<const SourceView> sources);

}  // namespace millrace::crm
