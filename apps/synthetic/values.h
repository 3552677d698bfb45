#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/synthetic/event.h"
#include "apps/synthetic/population.h"
#include "apps/synthetic/profile.h"
#include "apps/synthetic/random.h"

namespace millrace::apps::synthetic {

/// Days since 1970-01-01 as "2025-03-31".
std::string date_text(int64_t day);

/// Makes up the values of records.
class Values {
 public:
  /// `quarter_end_day`: the last day in effect of a fifth of all records that grant something.
  Values(const Profile& profile, const Population& population, int64_t quarter_end_day)
      : profile_(profile), population_(population), quarter_end_day_(quarter_end_day) {}

  /// All fields.
  std::vector<FieldText> all(Random& random, Kind kind, uint64_t number) const;
  /// Some fields, but neither the account nor the record that it belongs to.
  std::vector<FieldText> some(Random& random, Kind kind, uint64_t number) const;
  /// The field with its account.
  FieldText parent(Kind kind, uint64_t number) const;
  /// Whether its end, unless changed, is the quarter's.
  static bool ends_with_quarter(Kind kind, uint64_t number);
  FieldText end_date(Kind kind, int64_t day) const;
  int64_t quarter_end_day() const { return quarter_end_day_; }

 private:
  std::optional<std::string> value(Random& random, Kind kind, uint64_t number,
                                   std::string_view field) const;
  std::optional<std::string> account_value(Random& random, std::string_view field) const;
  std::optional<std::string> person_or_deal_value(Random& random, std::string_view field) const;
  std::optional<std::string> grant_value(Random& random, Kind kind, uint64_t number,
                                         std::string_view field) const;
  std::optional<std::string> reference(Kind kind, uint64_t number, std::string_view field) const;

  const Profile profile_;
  const Population& population_;
  const int64_t quarter_end_day_;
};

/// A product that is in the catalogue, or will be.
std::string product_name(uint64_t number);

/// A feature; the same wherever it is granted.
struct FeatureDefinition {
  std::string_view name;
  std::string_view kind;  ///< as in the records of a mapping
  crm::FeatureKind type;
};
extern const std::vector<FeatureDefinition> kFeatures;
/// Texts of tiers and configurations; the rank of a tier is its place, from 1.
extern const std::vector<std::string_view> kTiers;

extern const std::vector<std::string_view> kCountries;
extern const std::vector<std::string_view> kIndustries;
extern const std::vector<std::string_view> kRatings;
extern const std::vector<std::string_view> kNameWords;

}  // namespace millrace::apps::synthetic
