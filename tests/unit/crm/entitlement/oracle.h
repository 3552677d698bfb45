#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "crm/entitlement/source.h"
#include "feature_entitlement_generated.h"

namespace millrace::crm {

inline constexpr int64_t kMinuteMs = 60'000;
inline constexpr int64_t kHourMs = 60 * kMinuteMs;
inline constexpr int64_t kDayMs = 24 * kHourMs;

/// First moment at which clocks in `zone` show `day` or a later one, found by asking the C
/// library's clock minute by minute.
int64_t clock_start_of_day(const std::string& zone, int32_t day);
int32_t clock_day_of(const std::string& zone, int64_t ms);

/// An account's entitlement to a feature at one moment.
struct Answer {
  EntitlementStatus status = EntitlementStatus::Active;
  int64_t amount = 0;
  std::string text{};
  std::set<std::pair<std::string, int64_t>> shares{};  ///< source, amount

  friend bool operator==(const Answer&, const Answer&) = default;
};
std::ostream& operator<<(std::ostream& out, const Answer& answer);

/// The meaning of sources at one moment, by evaluating every source again: no intervals, no sweep,
/// and no code that it checks. Sources have different ids and no products.
class Oracle {
 public:
  Oracle(std::span<const SourceView> sources, std::string zone);

  std::map<std::string, Answer> at(int64_t ms) const;
  /// Every moment at which an answer can change.
  const std::set<int64_t>& moments() const { return moments_; }

 private:
  /// A grant that is in effect.
  struct Found {
    const SourceView* source = nullptr;
    const TermView* term = nullptr;
    int64_t amount = 0;
  };

  void add_moments();
  void add_moments_of(const PeriodView& period);
  void choose_kinds();
  std::vector<const SourceView*> chain_of(const SourceView& source) const;
  int64_t start_of(const PeriodView& period) const;
  int64_t end_of(const PeriodView& period) const;
  bool is_in(const PeriodView& period, int64_t ms) const;
  bool is_held(const SourceView& source, int64_t ms) const;
  int64_t start_of(const SourceView& source) const;
  int64_t end_of(const SourceView& source) const;
  int64_t last_moment_of(const SourceView& source) const;
  std::optional<EntitlementStatus> status_of(const SourceView& source, const TermView& term,
                                             int64_t ms) const;
  int64_t units_of(const SourceView& source, int64_t ms) const;
  bool is_stronger(const SourceView& a, const SourceView& b) const;
  std::vector<Found> in_effect(const std::string& feature, EntitlementStatus status, int64_t ms,
                               std::optional<FeatureKind> kind) const;
  std::map<std::string, int64_t> used(const std::string& feature, int64_t ms) const;
  Answer combine(const std::string& feature, FeatureKind kind, EntitlementStatus status, int64_t ms,
                 const std::vector<Found>& found) const;

  std::map<std::string, SourceView> sources_;  // by id
  std::string zone_;
  std::set<int64_t> moments_;
  std::map<std::string, FeatureKind> kinds_;  // by feature
};

}  // namespace millrace::crm
