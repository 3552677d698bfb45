#include "crm/entitlement/grant.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "crm/entitlement/source_time.h"
#include "crm/entitlement/wide.h"

namespace millrace::crm {
namespace {

/// From `from_ms` to the next step's, `quantity` units.
struct QuantityStep {
  int64_t from_ms = kOpenStart;
  int64_t quantity = 0;
};

/// A change of a subscription's quantity, for some time.
struct LedgerChange {
  Interval time;
  int64_t delta = 0;
};

Precedence precedence_of(const SourceView& source) {
  if (source.precedence != Precedence::BySource) return source.precedence;
  switch (source.kind) {
    case GrantSourceKind::ManualGrant:
      return Precedence::Override;
    case GrantSourceKind::Subscription:
    case GrantSourceKind::Asset:
      return Precedence::Plan;
    default:
      return Precedence::Contract;
  }
}

std::vector<QuantityStep> quantity_steps(int64_t base, const std::vector<LedgerChange>& ledger) {
  std::vector<std::pair<int64_t, int64_t>> changes;  // moment, delta
  for (const LedgerChange& change : ledger) {
    changes.emplace_back(change.time.from_ms, change.delta);
    if (change.time.to_ms != kOpenEnd) changes.emplace_back(change.time.to_ms, -change.delta);
  }
  std::ranges::sort(changes);
  Wide quantity = base;
  std::vector<QuantityStep> steps{{kOpenStart, base}};
  for (const auto& [at_ms, delta] : changes) {
    quantity += delta;
    if (steps.back().from_ms != at_ms) steps.push_back({at_ms, 0});
    steps.back().quantity = saturated(quantity);
  }
  return steps;
}

void append(std::vector<Piece>& pieces, const Piece& piece) {
  if (piece.time.empty()) return;
  if (!pieces.empty() && pieces.back().time.to_ms == piece.time.from_ms &&
      pieces.back().status == piece.status && pieces.back().amount == piece.amount) {
    pieces.back().time.to_ms = piece.time.to_ms;
    return;
  }
  pieces.push_back(piece);
}

/// Appends a piece for each step in each of `times`; both are in order.
void append_pieces(std::vector<Piece>& pieces, const std::vector<Interval>& times,
                   EntitlementStatus status, const std::vector<QuantityStep>& steps,
                   const TermView& term) {
  size_t step = 0;
  for (const Interval& time : times) {
    while (step + 1 < steps.size() && steps[step + 1].from_ms <= time.from_ms) ++step;
    for (size_t at = step; at < steps.size() && steps[at].from_ms < time.to_ms; ++at) {
      if (steps[at].quantity <= 0) continue;
      const int64_t to_ms = at + 1 < steps.size() ? steps[at + 1].from_ms : kOpenEnd;
      const Wide amount = Wide{term.amount} * (term.per_unit ? steps[at].quantity : 1);
      append(pieces, {.time = intersection(time, {steps[at].from_ms, to_ms}),
                      .status = status,
                      .amount = saturated(amount)});
    }
  }
}

/// Takes each source once, then its terms one by one.
class GrantBuilder {
 public:
  GrantBuilder(std::span<const SourceView> sources, const Zone& zone, const Catalogue& catalogue)
      : zone_(zone), catalogue_(catalogue) {
    choose_rows(sources);
    times_.reserve(sources_.size());
    for (const SourceView* source : sources_) times_.push_back(time_of(*source, zone));
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i]->kind == GrantSourceKind::LedgerEntry) add_ledger_entry(i);
    }
  }

  std::vector<FeatureGrants> build() {
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (sources_[i]->kind == GrantSourceKind::LedgerEntry) continue;
      if (sources_[i]->kind == GrantSourceKind::Usage) {
        add_uses(i);
      } else {
        add_grants(i);
      }
    }
    std::vector<FeatureGrants> all;
    for (auto& [feature, found] : features_) {
      if (found.grants.empty()) continue;
      found.feature = feature;
      settle(found);
      all.push_back(std::move(found));
    }
    return all;
  }

 private:
  /// Of each id the row that counts, by id.
  void choose_rows(std::span<const SourceView> sources) {
    sources_.reserve(sources.size());
    for (const SourceView& source : sources) sources_.push_back(&source);
    std::ranges::sort(sources_, [](const SourceView* a, const SourceView* b) {
      return std::tie(a->id, b->version, a->via) < std::tie(b->id, a->version, b->via);
    });
    const auto same_id = [](const SourceView* a, const SourceView* b) { return a->id == b->id; };
    const auto repeated = std::ranges::unique(sources_, same_id);
    sources_.erase(repeated.begin(), repeated.end());
  }

  void add_ledger_entry(size_t index) {
    const SourceView& entry = *sources_[index];
    for (const Interval& time : active_times(times_[index])) {
      ledgers_[entry.within.front()].push_back({time, entry.quantity.value_or(0)});
    }
  }

  void add_uses(size_t index) {
    const SourceView& usage = *sources_[index];
    if (!times_[index].is_active) return;
    for (const TermView& term : usage.terms) {
      features_[term.feature].uses.push_back({times_[index].period.from_ms, usage.id, term.amount});
    }
  }

  void add_grants(size_t index) {
    const SourceView& source = *sources_[index];
    const std::span<const TermView> by_product = catalogue_.terms_of(source.product);
    if (source.terms.empty() && by_product.empty()) return;
    SourceTime time = times_[index];
    for (const std::string_view id : source.within) narrow_to(time, id);
    if (!time.is_active) return;
    const std::vector<Interval> active = active_times(time);
    const std::vector<QuantityStep> steps = steps_of(source);
    for (const TermView& term : source.terms) add_grant(source, term, time, active, steps);
    for (const TermView& term : by_product) {
      const bool replaced = std::ranges::any_of(
          source.terms, [&](const TermView& own) { return own.feature == term.feature; });
      if (!replaced) add_grant(source, term, time, active, steps);
    }
  }

  void narrow_to(SourceTime& time, std::string_view id) const {
    const auto it = std::ranges::lower_bound(sources_, id, {},
                                             [](const SourceView* source) { return source->id; });
    if (it == sources_.end() || (*it)->id != id) {
      time.is_active = false;
      return;
    }
    narrow(time, times_[static_cast<size_t>(it - sources_.begin())]);
  }

  std::vector<QuantityStep> steps_of(const SourceView& source) const {
    if (source.kind != GrantSourceKind::Subscription) {
      return {{kOpenStart, source.quantity.value_or(1)}};
    }
    const auto it = ledgers_.find(source.id);
    const int64_t base = source.quantity.value_or(0);
    return it == ledgers_.end() ? std::vector<QuantityStep>{{kOpenStart, base}}
                                : quantity_steps(base, it->second);
  }

  void add_grant(const SourceView& source, const TermView& term, const SourceTime& time,
                 const std::vector<Interval>& active, const std::vector<QuantityStep>& steps) {
    Grant grant{.source = source.id,
                .via = source.via,
                .kind = term.kind,
                .precedence = precedence_of(source),
                .text = term.text,
                .time = intersection(time.period, {kOpenStart, time.terminated_ms})};
    append_pieces(grant.pieces, active, EntitlementStatus::Active, steps, term);
    append_pieces(grant.pieces, grace_times(time, term.grace_days, zone_), EntitlementStatus::Grace,
                  steps, term);
    if (!grant.pieces.empty()) features_[term.feature].grants.push_back(std::move(grant));
  }

  /// Sorts, and leaves out what is not of the strongest grant's kind.
  static void settle(FeatureGrants& feature) {
    std::ranges::sort(feature.grants, is_stronger);
    feature.kind = feature.grants.front().kind;
    feature.other_kind = std::erase_if(
        feature.grants, [&](const Grant& grant) { return grant.kind != feature.kind; });
    if (feature.kind != FeatureKind::PerIncident) feature.uses.clear();
    std::ranges::sort(feature.uses, [](const Use& a, const Use& b) {
      return std::tie(a.at_ms, a.source) < std::tie(b.at_ms, b.source);
    });
  }

  const Zone& zone_;
  const Catalogue& catalogue_;
  std::vector<const SourceView*> sources_;  // by id
  std::vector<SourceTime> times_;           // of sources_, without what they are within
  std::unordered_map<std::string_view, std::vector<LedgerChange>> ledgers_;  // by subscription
  std::map<std::string_view, FeatureGrants> features_;
};

}  // namespace

bool is_stronger(const Grant& a, const Grant& b) {
  return std::tie(b.precedence, b.time.from_ms, a.source) <
         std::tie(a.precedence, a.time.from_ms, b.source);
}

size_t subscriptions_without_units(std::span<const SourceView> sources) {
  std::unordered_set<std::string_view> ledgers;
  for (const SourceView& source : sources) {
    if (source.kind == GrantSourceKind::LedgerEntry) ledgers.insert(source.within.front());
  }
  return static_cast<size_t>(std::ranges::count_if(sources, [&ledgers](const SourceView& source) {
    const bool gives = !source.terms.empty() || !source.product.empty();
    return source.kind == GrantSourceKind::Subscription && gives && !source.quantity &&
           !ledgers.contains(source.id);
  }));
}

std::vector<FeatureGrants> grants_of(std::span<const SourceView> sources, const Zone& zone,
                                     const Catalogue& catalogue) {
  return GrantBuilder(sources, zone, catalogue).build();
}

}  // namespace millrace::crm
