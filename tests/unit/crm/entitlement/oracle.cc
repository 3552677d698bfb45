#include "oracle.h"

#include <algorithm>
#include <limits>
#include <ostream>
#include <tuple>

namespace millrace::crm {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kAlways = std::numeric_limits<int64_t>::min();

int precedence_of(const SourceView& source) {
  if (source.precedence != Precedence::BySource) return static_cast<int>(source.precedence);
  if (source.kind == GrantSourceKind::ManualGrant) return 4;
  if (source.kind == GrantSourceKind::Subscription || source.kind == GrantSourceKind::Asset) {
    return 2;
  }
  return 3;
}

bool gives_nothing_itself(const SourceView& source) {
  return source.kind == GrantSourceKind::LedgerEntry || source.kind == GrantSourceKind::Usage;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << EnumNameEntitlementStatus(answer.status) << ' ' << answer.amount << " '" << answer.text
      << "' of";
  for (const auto& [source, amount] : answer.shares) out << ' ' << source << '=' << amount;
  return out;
}

Oracle::Oracle(std::span<const SourceView> sources, std::string zone) : zone_(std::move(zone)) {
  for (const SourceView& source : sources) sources_.emplace(source.id, source);
  add_moments();
  choose_kinds();
}

int64_t Oracle::start_of(const PeriodView& period) const {
  int64_t start_ms = period.start_ms.value_or(kAlways);
  if (period.start_date) {
    start_ms = std::max(start_ms, clock_start_of_day(zone_, *period.start_date));
  }
  return start_ms;
}

int64_t Oracle::end_of(const PeriodView& period) const {
  int64_t end_ms = period.end_ms.value_or(kNever);
  if (period.end_date) end_ms = std::min(end_ms, clock_start_of_day(zone_, *period.end_date + 1));
  return end_ms;
}

bool Oracle::is_in(const PeriodView& period, int64_t ms) const {
  return start_of(period) <= ms && ms < end_of(period);
}

void Oracle::add_moments_of(const PeriodView& period) {
  moments_.insert(start_of(period));
  moments_.insert(end_of(period));
}

void Oracle::add_moments() {
  for (const auto& [id, source] : sources_) {
    add_moments_of(source.period);
    for (const PeriodView& suspension : source.suspensions) add_moments_of(suspension);
    if (source.terminated_ms) moments_.insert(*source.terminated_ms);
    if (source.terminated_date) {
      moments_.insert(clock_start_of_day(zone_, *source.terminated_date + 1));
    }
    for (const TermView& term : source.terms) {
      const int64_t end_ms = end_of(source);
      if (end_ms == kNever || term.grace_days == 0) continue;
      const int32_t last_day = clock_day_of(zone_, end_ms - 1);
      moments_.insert(clock_start_of_day(zone_, last_day + term.grace_days + 1));
    }
  }
  moments_.erase(kNever);
  moments_.erase(kAlways);
}

/// The source and all it is within; empty when one of them is not there.
std::vector<const SourceView*> Oracle::chain_of(const SourceView& source) const {
  std::vector<const SourceView*> chain{&source};
  for (const std::string_view id : source.within) {
    const auto it = sources_.find(std::string(id));
    if (it == sources_.end()) return {};
    chain.push_back(&it->second);
  }
  return chain;
}

int64_t Oracle::start_of(const SourceView& source) const {
  int64_t start_ms = kAlways;
  for (const SourceView* each : chain_of(source)) {
    start_ms = std::max(start_ms, start_of(each->period));
  }
  return start_ms;
}

int64_t Oracle::end_of(const SourceView& source) const {
  int64_t end_ms = kNever;
  for (const SourceView* each : chain_of(source)) end_ms = std::min(end_ms, end_of(each->period));
  return end_ms;
}

/// The end, or the termination if that is earlier.
int64_t Oracle::last_moment_of(const SourceView& source) const {
  int64_t last_ms = end_of(source);
  for (const SourceView* each : chain_of(source)) {
    last_ms = std::min(last_ms, each->terminated_ms.value_or(kNever));
    if (!each->terminated_date) continue;
    last_ms = std::min(last_ms, clock_start_of_day(zone_, *each->terminated_date + 1));
  }
  return last_ms;
}

/// Suspended, terminated or not active.
bool Oracle::is_held(const SourceView& source, int64_t ms) const {
  if (source.status != GrantSourceStatus::Active) return true;
  if (source.terminated_ms && ms >= *source.terminated_ms) return true;
  if (source.terminated_date && ms >= clock_start_of_day(zone_, *source.terminated_date + 1)) {
    return true;
  }
  return std::ranges::any_of(source.suspensions,
                             [&](const PeriodView& period) { return is_in(period, ms); });
}

std::optional<EntitlementStatus> Oracle::status_of(const SourceView& source, const TermView& term,
                                                   int64_t ms) const {
  const std::vector<const SourceView*> chain = chain_of(source);
  if (chain.empty()) return std::nullopt;
  const auto held = [&](const SourceView* each) { return is_held(*each, ms); };
  if (std::ranges::any_of(chain, held)) return std::nullopt;
  const int64_t end_ms = end_of(source);
  if (start_of(source) >= end_ms || ms < start_of(source)) return std::nullopt;
  if (ms < end_ms) return EntitlementStatus::Active;
  if (term.grace_days == 0) return std::nullopt;
  const int32_t last_day = clock_day_of(zone_, end_ms - 1);
  if (ms < clock_start_of_day(zone_, last_day + term.grace_days + 1)) {
    return EntitlementStatus::Grace;
  }
  return std::nullopt;
}

int64_t Oracle::units_of(const SourceView& source, int64_t ms) const {
  if (source.kind != GrantSourceKind::Subscription) return source.quantity.value_or(1);
  int64_t units = source.quantity.value_or(0);
  for (const auto& [id, entry] : sources_) {
    if (entry.kind != GrantSourceKind::LedgerEntry || entry.within.at(0) != source.id) continue;
    if (is_in(entry.period, ms) && !is_held(entry, ms)) units += entry.quantity.value_or(0);
  }
  return units;
}

bool Oracle::is_stronger(const SourceView& a, const SourceView& b) const {
  if (precedence_of(a) != precedence_of(b)) return precedence_of(a) > precedence_of(b);
  if (start_of(a) != start_of(b)) return start_of(a) > start_of(b);
  return a.id < b.id;
}

/// Strongest first.
std::vector<Oracle::Found> Oracle::in_effect(const std::string& feature, EntitlementStatus status,
                                             int64_t ms, std::optional<FeatureKind> kind) const {
  std::vector<Found> found;
  for (const auto& [id, source] : sources_) {
    if (gives_nothing_itself(source)) continue;
    for (const TermView& term : source.terms) {
      if (term.feature != feature || (kind && term.kind != *kind)) continue;
      const int64_t units = units_of(source, ms);
      if (units <= 0 || status_of(source, term, ms) != status) continue;
      if (kind == FeatureKind::Boolean && term.amount == 0) continue;
      found.push_back({&source, &term, term.per_unit ? term.amount * units : term.amount});
    }
  }
  std::ranges::sort(
      found, [&](const Found& a, const Found& b) { return is_stronger(*a.source, *b.source); });
  return found;
}

/// The kind of the strongest grant that is ever in effect.
void Oracle::choose_kinds() {
  std::set<std::string> features;
  for (const auto& [id, source] : sources_) {
    for (const TermView& term : source.terms) features.emplace(term.feature);
  }
  std::set<int64_t> samples = moments_;
  samples.insert(moments_.empty() ? 0 : *moments_.begin() - 1);
  std::map<std::string, Found> strongest;
  for (const std::string& feature : features) {
    for (const int64_t ms : samples) {
      for (const auto status : {EntitlementStatus::Active, EntitlementStatus::Grace}) {
        const std::vector<Found> found = in_effect(feature, status, ms, std::nullopt);
        if (found.empty()) continue;
        const auto [it, is_new] = strongest.try_emplace(feature, found.front());
        if (!is_new && is_stronger(*found.front().source, *it->second.source)) {
          it->second = found.front();
        }
      }
    }
  }
  for (const auto& [feature, found] : strongest) kinds_[feature] = found.term->kind;
}

/// Incidents taken of each source up to `ms`, by playing all uses again.
std::map<std::string, int64_t> Oracle::used(const std::string& feature, int64_t ms) const {
  std::vector<std::tuple<int64_t, std::string, int64_t>> uses;
  for (const auto& [id, source] : sources_) {
    if (source.kind != GrantSourceKind::Usage || source.status != GrantSourceStatus::Active) {
      continue;
    }
    for (const TermView& term : source.terms) {
      if (term.feature == feature) uses.emplace_back(start_of(source.period), id, term.amount);
    }
  }
  std::ranges::sort(uses);
  std::map<std::string, int64_t> used;
  for (const auto& [at_ms, id, count] : uses) {
    if (at_ms > ms) break;
    auto found = in_effect(feature, EntitlementStatus::Active, at_ms, FeatureKind::PerIncident);
    if (found.empty()) {
      found = in_effect(feature, EntitlementStatus::Grace, at_ms, FeatureKind::PerIncident);
    }
    std::ranges::stable_sort(found, {}, [&](const Found& f) { return last_moment_of(*f.source); });
    int64_t rest = count;
    for (const Found& each : found) {
      int64_t& taken = used[std::string(each.source->id)];
      const int64_t more = std::clamp<int64_t>(each.amount - taken, 0, rest);
      taken += more;
      rest -= more;
    }
  }
  return used;
}

Answer Oracle::combine(const std::string& feature, FeatureKind kind, EntitlementStatus status,
                       int64_t ms, const std::vector<Found>& found) const {
  Answer answer{.status = status};
  if (kind == FeatureKind::QuantitySum || kind == FeatureKind::Metered ||
      kind == FeatureKind::PerIncident) {
    std::map<std::string, int64_t> taken;
    if (kind == FeatureKind::PerIncident) taken = used(feature, ms);
    for (const Found& each : found) {
      const std::string id(each.source->id);
      const int64_t left = std::max<int64_t>(each.amount - taken[id], 0);
      answer.amount += left;
      answer.shares.emplace(id, left);
    }
    return answer;
  }
  const Found* best = &found.front();
  if (kind == FeatureKind::QuantityMax || kind == FeatureKind::Tier) {
    for (const Found& each : found) {
      if (each.amount > best->amount) best = &each;
    }
  }
  answer.amount = best->amount;
  answer.text = best->term->text;
  answer.shares.emplace(best->source->id, best->amount);
  return answer;
}

std::map<std::string, Answer> Oracle::at(int64_t ms) const {
  std::map<std::string, Answer> answers;
  for (const auto& [feature, kind] : kinds_) {
    for (const auto status : {EntitlementStatus::Active, EntitlementStatus::Grace}) {
      const std::vector<Found> found = in_effect(feature, status, ms, kind);
      if (found.empty()) continue;
      answers[feature] = combine(feature, kind, status, ms, found);
      break;
    }
  }
  return answers;
}

}  // namespace millrace::crm
