#include "apps/synthetic/expected/grant_model.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include <date/tz.h>
#include <fmt/format.h>

#include "millrace/core/assert.h"

namespace millrace::apps::synthetic {
namespace {

constexpr int64_t kOpenStart = std::numeric_limits<int64_t>::min();
constexpr int64_t kOpenEnd = std::numeric_limits<int64_t>::max();

struct Term {
  std::string feature;
  crm::FeatureKind kind = crm::FeatureKind::Boolean;
  int64_t amount = 1;
  std::string text{};
  bool per_unit = false;
  int64_t grace_days = 0;
};

struct Span {
  int64_t from_ms = kOpenStart;
  int64_t to_ms = kOpenEnd;
  bool covers(int64_t ms) const { return from_ms <= ms && ms < to_ms; }
};

std::optional<int64_t> number(const RecordRow& row, std::string_view name) {
  const auto text = row.text(name);
  if (!text) return std::nullopt;
  int64_t value = 0;
  std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::optional<date::local_days> day(const RecordRow& row, std::string_view name) {
  const auto text = row.text(name);
  if (!text) return std::nullopt;
  int year = 0;
  unsigned month = 0;
  unsigned of_month = 0;
  const int parts = std::sscanf(text->c_str(), "%d-%u-%u", &year, &month, &of_month);
  MILLRACE_ASSERT(parts == 3, "a date");
  return date::local_days(date::year(year) / date::month(month) / date::day(of_month));
}

class Clock {
 public:
  explicit Clock(const std::string& zone) : zone_(date::locate_zone(zone.empty() ? "UTC" : zone)) {}
  /// First moment of the day.
  int64_t start_ms(date::local_days day) const {
    const auto moment = zone_->to_sys(day, date::choose::earliest);
    return std::chrono::milliseconds(moment.time_since_epoch()).count();
  }
  int64_t end_ms(date::local_days day) const { return start_ms(day + date::days(1)); }

 private:
  const date::time_zone* zone_;
};

/// One record by itself.
struct Limits {
  Limits(const RecordRow& row, const Clock& clock) {
    const std::string status = row.text("status").value_or("");
    is_valid = status != "Draft" && status != "On Hold" && status != "Cancelled";
    if (const auto first = day(row, "start_date")) time.from_ms = clock.start_ms(*first);
    last_day = day(row, "end_date");
    if (last_day) time.to_ms = clock.end_ms(*last_day);
    if (const auto last = day(row, "terminated_date")) terminated_ms = clock.end_ms(*last);
    const auto from = day(row, "suspended_from_date");
    const auto to = day(row, "suspended_to_date");
    if (!from && !to) return;
    suspensions.push_back(
        {from ? clock.start_ms(*from) : kOpenStart, to ? clock.end_ms(*to) : kOpenEnd});
  }

  bool is_valid = true;
  Span time;
  std::optional<date::local_days> last_day;
  int64_t terminated_ms = kOpenEnd;
  std::vector<Span> suspensions;

  void narrow(const Limits& other) {
    is_valid = is_valid && other.is_valid;
    time.from_ms = std::max(time.from_ms, other.time.from_ms);
    time.to_ms = std::min(time.to_ms, other.time.to_ms);
    if (other.last_day && (!last_day || *other.last_day < *last_day)) last_day = other.last_day;
    terminated_ms = std::min(terminated_ms, other.terminated_ms);
    suspensions.insert(suspensions.end(), other.suspensions.begin(), other.suspensions.end());
  }
  /// Neither terminated nor suspended.
  bool is_open_at(int64_t ms) const {
    return is_valid && ms < terminated_ms &&
           std::ranges::none_of(suspensions, [ms](const Span& span) { return span.covers(ms); });
  }
};

struct Grant {
  Term term;
  int64_t amount = 0;
  int precedence = 0;
  std::string source;
  Limits limits;
  Span grace;

  /// "Active", "Grace" or nothing.
  std::string status_at(int64_t ms) const {
    if (!limits.is_open_at(ms)) return {};
    if (limits.time.covers(ms)) return "Active";
    return grace.covers(ms) ? "Grace" : "";
  }
  friend bool is_stronger(const Grant& a, const Grant& b) {
    return std::tie(b.precedence, b.limits.time.from_ms, a.source) <
           std::tie(a.precedence, a.limits.time.from_ms, b.source);
  }
};

Span grace_of(const Limits& limits, int64_t grace_days, const Clock& clock) {
  Span none{0, 0};
  if (grace_days == 0 || !limits.last_day || limits.time.from_ms >= limits.time.to_ms) return none;
  return {limits.time.to_ms, clock.end_ms(*limits.last_day + date::days(grace_days))};
}

/// As ties are decided by it.
std::string source_name(const GrantRecord& record) {
  return fmt::format("{}:{}/{}", kSource, definition_of(record.kind).name,
                     record_id(record.kind, record.number));
}

std::vector<Term> terms_of(const RecordRow& row,
                           const std::map<std::string, crm::ProductFeaturesT>& products) {
  std::vector<Term> terms;
  const std::string feature = row.text("feature").value_or("");
  if (!feature.empty()) {
    const std::string kind = row.text("feature_kind").value_or("boolean");
    constexpr std::array<std::pair<std::string_view, crm::FeatureKind>, 7> kKindNames{
        {{"boolean", crm::FeatureKind::Boolean},
         {"quantity_sum", crm::FeatureKind::QuantitySum},
         {"quantity_max", crm::FeatureKind::QuantityMax},
         {"tier", crm::FeatureKind::Tier},
         {"config", crm::FeatureKind::Config},
         {"metered", crm::FeatureKind::Metered},
         {"per_incident", crm::FeatureKind::PerIncident}}};
    const auto found = std::ranges::find(kKindNames, kind, [](const auto& k) { return k.first; });
    terms.push_back({feature, found->second, number(row, "amount").value_or(1),
                     row.text("feature_text").value_or(""), false,
                     number(row, "grace_days").value_or(0)});
  }
  const auto product = products.find(row.text("product").value_or(""));
  if (product == products.end()) return terms;
  for (const auto& term : product->second.terms) {
    if (term->feature == feature) continue;
    terms.push_back(
        {term->feature, term->kind, term->amount, term->text, term->per_unit, term->grace_days});
  }
  return terms;
}

bool adds_up(crm::FeatureKind kind) {
  return kind == crm::FeatureKind::QuantitySum || kind == crm::FeatureKind::Metered ||
         kind == crm::FeatureKind::PerIncident;
}

bool largest_decides(crm::FeatureKind kind) {
  return kind == crm::FeatureKind::QuantityMax || kind == crm::FeatureKind::Tier;
}

/// Combines the grants of one feature at a moment; none: no status.
SegmentOutcome combined_at(const std::vector<Grant>& grants, int64_t ms) {
  SegmentOutcome outcome;
  for (const char* status : {"Active", "Grace"}) {
    const Grant* best = nullptr;
    for (const Grant& grant : grants) {
      if (grant.status_at(ms) != status) continue;
      outcome.status = status;
      outcome.amount += grant.amount;
      const bool is_better =
          best == nullptr || (largest_decides(grant.term.kind) && grant.amount != best->amount
                                  ? grant.amount > best->amount
                                  : is_stronger(grant, *best));
      if (is_better) best = &grant;
    }
    if (best == nullptr) continue;
    if (adds_up(best->term.kind)) return outcome;
    outcome.amount = best->amount;
    outcome.text = best->term.text;
    return outcome;
  }
  return outcome;
}

std::set<int64_t> moments_of(const std::vector<Grant>& grants) {
  std::set<int64_t> moments{kOpenStart};
  const auto add = [&](const Span& span) { moments.insert({span.from_ms, span.to_ms}); };
  for (const Grant& grant : grants) {
    add(grant.limits.time);
    add(grant.grace);
    moments.insert(grant.limits.terminated_ms);
    for (const Span& span : grant.limits.suspensions) add(span);
  }
  moments.erase(kOpenEnd);
  return moments;
}

EntitlementOutcome timeline_of(const std::vector<Grant>& grants) {
  EntitlementOutcome outcome{crm::EnumNameFeatureKind(grants.front().term.kind)};
  const std::set<int64_t> moments = moments_of(grants);
  for (auto at = moments.begin(); at != moments.end(); ++at) {
    SegmentOutcome segment = combined_at(grants, *at);
    if (segment.status.empty()) continue;
    if (*at != kOpenStart) segment.from_ms = *at;
    if (std::next(at) != moments.end()) segment.to_ms = *std::next(at);
    outcome.append(std::move(segment));
  }
  return outcome;
}

/// Contracts and assets of a root by internal id.
using Containers = std::map<std::string, const RecordRow*>;

/// A record with all that it is within.
std::optional<Limits> limits_of(const GrantRecord& record, const Clock& clock,
                                const Containers& containers) {
  Limits limits(*record.row, clock);
  for (const char* field : {"contract_id", "asset_id"}) {
    const auto id = record.row->text(field);
    if (!id) continue;
    const auto found = containers.find(*id);
    if (found == containers.end()) return std::nullopt;
    limits.narrow(Limits(*found->second, clock));
  }
  return limits.is_valid ? std::optional(limits) : std::nullopt;
}

}  // namespace

void GrantModel::add(const crm::ProductFeaturesT& product, bool is_removal) {
  MILLRACE_ASSERT(!is_removal, "the catalogue only grows");
  products_[product.product] = product;
}

std::map<std::string, EntitlementOutcome> GrantModel::entitlements_of(
    const std::vector<GrantRecord>& records, const std::string& zone) const {
  const Clock clock(zone);
  Containers containers;
  for (const auto& [kind, number, row] : records) {
    const bool contains = kind == Kind::kContract || kind == Kind::kAsset;
    if (contains) containers[internal_record_id(kind, number)] = row;
  }
  std::map<std::string, std::vector<Grant>> by_feature;
  for (const GrantRecord& record : records) {
    if (record.kind == Kind::kContact || record.kind == Kind::kOpportunity) continue;
    const std::optional<Limits> limits = limits_of(record, clock, containers);
    const bool is_plan = record.kind == Kind::kSubscription || record.kind == Kind::kAsset;
    const int64_t usual = record.kind == Kind::kSubscription ? 0 : 1;
    const int64_t quantity = number(*record.row, "quantity").value_or(usual);
    if (!limits || quantity <= 0) continue;
    for (const Term& term : terms_of(*record.row, products_)) {
      by_feature[term.feature].push_back({term, term.amount * (term.per_unit ? quantity : 1),
                                          is_plan ? 0 : 1, source_name(record), *limits,
                                          grace_of(*limits, term.grace_days, clock)});
    }
  }
  std::map<std::string, EntitlementOutcome> outcomes;
  for (const auto& [feature, grants] : by_feature) {
    EntitlementOutcome outcome = timeline_of(grants);
    if (!outcome.segments.empty()) outcomes.emplace(feature, std::move(outcome));
  }
  return outcomes;
}

}  // namespace millrace::apps::synthetic
