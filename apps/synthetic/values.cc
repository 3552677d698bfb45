#include "apps/synthetic/values.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <date/date.h>
#include <fmt/format.h>

namespace millrace::apps::synthetic {

const std::vector<FeatureDefinition> kFeatures{
    {"api_access", "boolean", crm::FeatureKind::Boolean},
    {"api_calls", "metered", crm::FeatureKind::Metered},
    {"incidents", "per_incident", crm::FeatureKind::PerIncident},
    {"region", "config", crm::FeatureKind::Config},
    {"seats", "quantity_sum", crm::FeatureKind::QuantitySum},
    {"storage_gb", "quantity_max", crm::FeatureKind::QuantityMax},
    {"support", "tier", crm::FeatureKind::Tier}};
const std::vector<std::string_view> kTiers{"bronze", "silver", "gold", "platinum"};
const std::vector<std::string_view> kCountries{"AT", "AU", "BR", "CA", "CH", "DE", "ES",
                                               "FR", "GB", "IN", "IT", "JP", "MX", "NL",
                                               "NO", "PL", "SE", "SG", "US", "ZA"};
const std::vector<std::string_view> kIndustries{
    "Agriculture", "Banking", "Construction", "Education", "Energy",         "Healthcare",
    "Insurance",   "Media",   "Retail",       "Software",  "Transportation", "Utilities"};
const std::vector<std::string_view> kRatings{"Cold", "Hot", "Warm"};
const std::vector<std::string_view> kNameWords{"Alpine",  "Baltic", "Cedar",  "Delta", "Élan",
                                               "Fjord",   "Globe",  "Harbor", "Iris",  "Jupiter",
                                               "Kestrel", "Lumen",  "Müller", "Nova",  "O'Neil"};

namespace {

constexpr std::array<std::string_view, 6> kZones{"America/New_York", "Asia/Kolkata",
                                                 "Australia/Sydney", "Europe/Berlin",
                                                 "Pacific/Auckland", "UTC"};
constexpr std::array<std::string_view, 4> kForms{"AG", "\"Holding\" SA", "Inc.", "Ltd"};
constexpr std::array<std::string_view, 5> kStages{"Prospecting", "Qualification", "Negotiation",
                                                  "Closed Won", "Closed Lost"};
constexpr std::array<std::string_view, 12> kWords{"account",  "agreed",   "budget",  "called",
                                                  "contract", "delivery", "follow",  "market",
                                                  "price",    "quote",    "support", "renewal"};

/// Text to cut long fields from.
const std::string& prose() {
  constexpr size_t kBytes = 256 << 10;
  static const std::string text = [] {
    Random random(1);
    std::string words;
    while (words.size() < kBytes) {
      words.append(random.one_of(kWords));
      words += random.permille(80) ? ".\n" : " ";
    }
    return words;
  }();
  return text;
}

/// Brings events to 0.7 to 2 KB, one in a hundred to as much as 64 KB.
std::string description(Random& random) {
  constexpr uint64_t kUsualMin = 300;
  constexpr uint64_t kUsualMax = 1'600;
  constexpr double kTailMin = 2'000;
  constexpr double kTailFactor = 31;
  const uint64_t bytes =
      random.permille(10) ? static_cast<uint64_t>(kTailMin * std::pow(kTailFactor, random.unit()))
                          : static_cast<uint64_t>(random.between(kUsualMin, kUsualMax));
  return prose().substr(random.below(prose().size() - bytes), bytes);
}

std::string phone(Random& random) {
  return fmt::format("+{} {} {}", random.between(1, 99), random.between(100, 999),
                     random.between(100'000, 9'999'999));
}

std::string company(Random& random) {
  return fmt::format("{} {} {}", random.one_of(kNameWords), random.one_of(kNameWords),
                     random.one_of(kForms));
}

/// Of orders of magnitude that are all as frequent; often a round number.
std::string magnitude(Random& random, double decades) {
  auto number = static_cast<int64_t>(std::pow(10.0, random.unit() * decades));
  constexpr int64_t kRound = 1'000;
  if (number > kRound && random.permille(500)) number = number / kRound * kRound;
  return std::to_string(number);
}

}  // namespace

std::string date_text(int64_t day) {
  return date::format("%F", date::sys_days(date::days(day)));
}

std::string product_name(uint64_t number) {
  return fmt::format("P-{:04}", number);
}

bool Values::ends_with_quarter(Kind kind, uint64_t number) {
  return scrambled(number * kKinds + static_cast<uint64_t>(kind)) % 5 == 0;
}

FieldText Values::parent(Kind kind, uint64_t number) const {
  const FieldDefinition& field = field_of(kind, "account_id");
  return {&field, reference(kind, number, field.name)};
}

FieldText Values::end_date(Kind kind, int64_t day) const {
  return {&field_of(kind, "end_date"), date_text(day)};
}

std::vector<FieldText> Values::all(Random& random, Kind kind, uint64_t number) const {
  std::vector<FieldText> fields;
  for (const FieldDefinition& field : definition_of(kind).fields) {
    std::optional<std::string> text = value(random, kind, number, field.name);
    // As often as not a field without a value is left out.
    if (text || random.permille(500)) fields.push_back({&field, std::move(text)});
  }
  return fields;
}

std::vector<FieldText> Values::some(Random& random, Kind kind, uint64_t number) const {
  std::vector<FieldText> fields;
  const auto all_fields = definition_of(kind).fields;
  const uint64_t wanted = all_fields.size() * (100 + random.below(400));
  for (const FieldDefinition& field : all_fields) {
    const bool is_long = field.name == "description";
    if (field.type == ValueType::kReference || (!is_long && !random.permille(wanted / 10))) {
      continue;
    }
    fields.push_back({&field, value(random, kind, number, field.name)});
  }
  return fields;
}

std::optional<std::string> Values::value(Random& random, Kind kind, uint64_t number,
                                         std::string_view field) const {
  if (field == "description") return description(random);
  if (field_of(kind, field).type == ValueType::kReference) return reference(kind, number, field);
  switch (kind) {
    case Kind::kAccount:
      return account_value(random, field);
    case Kind::kContact:
    case Kind::kOpportunity:
      return person_or_deal_value(random, field);
    default:
      return grant_value(random, kind, number, field);
  }
}

std::optional<std::string> Values::reference(Kind kind, uint64_t number,
                                             std::string_view field) const {
  if (field == "account_id") {
    return record_id(Kind::kAccount, population_.account_of(kind, number));
  }
  const std::optional<uint64_t> within = population_.within(kind, number);
  if (!within) return std::nullopt;
  return record_id(*container_of(kind), *within);
}

std::optional<std::string> Values::account_value(Random& random, std::string_view field) const {
  if (field == "name") return company(random);
  if (random.permille(60)) return std::nullopt;
  if (field == "industry") return std::string(random.one_of(kIndustries));
  if (field == "rating") return std::string(random.one_of(kRatings));
  if (field == "employees") return magnitude(random, 5);
  if (field == "revenue") return magnitude(random, 9);
  if (field == "phone") return phone(random);
  if (field == "street") return fmt::format("{} {}", company(random), random.between(1, 200));
  if (field == "city") return fmt::format("{}ville", random.one_of(kNameWords));
  if (field == "postal_code") return fmt::format("{:05}", random.below(100'000));
  if (field == "country") return std::string(random.one_of(kCountries));
  if (field == "time_zone") return std::string(random.one_of(kZones));
  return std::to_string(random.below(100));
}

std::optional<std::string> Values::person_or_deal_value(Random& random,
                                                        std::string_view field) const {
  if (field == "first_name" || field == "last_name" || field == "title") {
    return std::string(random.one_of(kNameWords));
  }
  if (field == "email") return fmt::format("{:x}@example.com", random.below(1U << 30));
  if (field == "name") return company(random);
  if (field == "stage") return std::string(random.one_of(kStages));
  if (field == "amount") return magnitude(random, 6);
  return date_text(quarter_end_day_ + random.between(-90, 200));
}

std::optional<std::string> Values::grant_value(Random& random, Kind kind, uint64_t number,
                                               std::string_view field) const {
  const uint64_t dice = random.below(100);
  if (field == "status") {
    if (dice < 90) return "Active";
    return std::string(dice < 94 ? "Draft" : dice < 97 ? "On Hold" : "Cancelled");
  }
  if (field == "product") return product_name(random.below(profile_.products + 1));
  if (field == "quantity") return std::to_string(random.between(0, 50));
  if (field == "start_date") return date_text(quarter_end_day_ - random.between(30, 500));
  if (field == "end_date") {
    if (ends_with_quarter(kind, number)) return date_text(quarter_end_day_);
    if (dice < 15) return std::nullopt;
    return date_text(quarter_end_day_ + random.between(-200, 700));
  }
  if (field == "terminated_date" || field == "suspended_from_date") {
    if (dice >= 5) return std::nullopt;
    return date_text(quarter_end_day_ + random.between(-150, 150));
  }
  if (field == "suspended_to_date") {
    if (dice >= 8) return std::nullopt;
    return date_text(quarter_end_day_ + random.between(-150, 250));
  }
  const FeatureDefinition& feature = kFeatures[scrambled(number) % kFeatures.size()];
  const bool has_text =
      feature.type == crm::FeatureKind::Tier || feature.type == crm::FeatureKind::Config;
  const uint64_t tier = random.below(kTiers.size());
  if (field == "feature") return std::string(feature.name);
  if (field == "feature_kind") return std::string(feature.kind);
  if (field == "feature_text")
    return has_text ? std::optional(std::string(kTiers[tier])) : std::nullopt;
  if (field == "amount") return std::to_string(random.between(1, 20));
  if (field == "grace_days")
    return dice < 60 ? std::nullopt : std::optional(std::to_string(dice / 3));
  return std::nullopt;
}

}  // namespace millrace::apps::synthetic
