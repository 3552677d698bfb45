#include "world.h"

#include <array>
#include <string_view>

namespace millrace::crm {
namespace {

struct Place {
  const char* zone;
  int32_t day;
};
// Days on which clocks change: in the night, at midnight forwards and backwards, a minute after
// midnight, by half an hour, by a whole day; and one without a change.
constexpr std::array<Place, 14> kPlaces{{{"UTC", 19875},
                                         {"Europe/Berlin", 19813},
                                         {"Europe/Berlin", 20023},
                                         {"America/New_York", 19792},
                                         {"America/New_York", 20030},
                                         {"America/St_Johns", 14682},
                                         {"America/St_Johns", 14920},
                                         {"America/Sao_Paulo", 17839},
                                         {"America/Sao_Paulo", 17580},
                                         {"Pacific/Apia", 15338},
                                         {"Africa/Cairo", 19839},
                                         {"Africa/Cairo", 20028},
                                         {"Australia/Lord_Howe", 19820},
                                         {"Asia/Kathmandu", 19875}}};
constexpr std::array<std::string_view, 10> kIds{"s:0", "s:1", "s:2", "s:3", "s:4",
                                                "s:5", "s:6", "s:7", "s:8", "s:9"};
constexpr std::array<std::string_view, 2> kFeatures{"api", "seats"};
constexpr std::array<std::string_view, 3> kTexts{"", "gold", "silver"};
constexpr uint32_t kDays = 8;

/// Reads one source out of its numbers.
class SourceMaker {
 public:
  SourceMaker(const Draft& draft, const std::vector<uint32_t>& numbers, int32_t day)
      : draft_(draft), numbers_(numbers), first_day_(day - static_cast<int32_t>(kDays) / 2) {}

  SourceView make(size_t index) {
    SourceView source{.id = kIds.at(index)};
    source.kind = static_cast<GrantSourceKind>(below(8));
    if (below(10) == 1) source.status = GrantSourceStatus::Draft;
    source.precedence = static_cast<Precedence>(below(3));
    source.period = period();
    for (uint32_t left = below(5); left > 2; --left) source.suspensions.push_back(period());
    if (below(8) == 1) source.terminated_date = day();
    if (below(8) == 1) source.terminated_ms = moment();
    if (below(4) == 1) source.quantity = static_cast<int64_t>(below(5)) - 1;
    for (uint32_t left = below(6); left > 3; --left) source.within.push_back(id());
    add_terms(source);
    fit_to_kind(source);
    return source;
  }

 private:
  uint32_t next() { return at_ < numbers_.size() ? numbers_[at_++] : 0; }
  uint32_t below(uint32_t end) { return next() % end; }
  std::string_view id() { return kIds.at(below(4)); }
  int32_t day() { return first_day_ + static_cast<int32_t>(below(kDays)); }
  int64_t moment() {
    return first_day_ * kDayMs + static_cast<int64_t>(below(kDays * 24)) * kHourMs;
  }

  PeriodView period() {
    PeriodView period;
    const uint32_t choice = below(16);
    if ((choice & 1) != 0) period.start_date = day();
    if ((choice & 2) != 0) period.end_date = day() + 2;
    if ((choice & 12) == 4) period.start_ms = moment();
    if ((choice & 12) == 8) period.end_ms = moment() + kDayMs;
    return period;
  }

  void add_terms(SourceView& source) {
    const uint32_t which = below(4);
    for (uint32_t feature = 0; feature < kFeatures.size(); ++feature) {
      if (which != feature && which != 2) continue;
      const uint32_t kind = draft_.kinds / (feature == 0 ? 1 : 7) + (below(12) == 1 ? 1 : 0);
      source.terms.push_back({.feature = kFeatures.at(feature),
                              .kind = static_cast<FeatureKind>(kind % 7),
                              .amount = below(6),
                              .text = kTexts.at(below(3)),
                              .per_unit = below(2) == 1,
                              .grace_days = static_cast<int32_t>(below(4))});
    }
  }

  void fit_to_kind(SourceView& source) {
    if (source.kind == GrantSourceKind::Usage && !source.period.start_date) {
      source.period.start_ms = moment();
    }
    if (source.kind == GrantSourceKind::Subscription && !source.quantity) {
      source.quantity = below(4);
    }
    if (source.kind == GrantSourceKind::LedgerEntry) source.within = {id()};
  }

  const Draft& draft_;
  const std::vector<uint32_t>& numbers_;
  int32_t first_day_;
  size_t at_ = 0;
};

}  // namespace

GrantWorld world_of(const Draft& draft) {
  const Place& place = kPlaces.at(draft.place % kPlaces.size());
  GrantWorld world{.zone = place.zone};
  for (size_t i = 0; i < draft.sources.size() && i < kIds.size(); ++i) {
    world.sources.push_back(SourceMaker(draft, draft.sources[i], place.day).make(i));
  }
  return world;
}

}  // namespace millrace::crm
