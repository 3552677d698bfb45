#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "crm/decode/mapping.h"

namespace millrace::crm {

/// The words by which mappings name values of an enum.
template <class E, size_t N>
using NameTable = std::array<std::pair<std::string_view, E>, N>;

inline constexpr NameTable<EntityKind, 8> kEntityKindNames{{
    {"account", EntityKind::kAccount},
    {"contact", EntityKind::kContact},
    {"opportunity", EntityKind::kOpportunity},
    {"contract", EntityKind::kContract},
    {"contract_line", EntityKind::kContractLine},
    {"subscription", EntityKind::kSubscription},
    {"asset", EntityKind::kAsset},
    {"entitlement", EntityKind::kEntitlement},
}};

inline constexpr NameTable<RawFormat, 5> kRawFormatNames{{
    {"salesforce_cometd", RawFormat::kSalesforceCometd},
    {"salesforce_pubsub", RawFormat::kSalesforcePubsub},
    {"salesforce_connect", RawFormat::kSalesforceConnect},
    {"debezium", RawFormat::kDebezium},
    {"flatbuffers", RawFormat::kFlatbuffers},
}};

inline constexpr NameTable<Survivorship, 4> kSurvivorshipNames{{
    {"master_wins", Survivorship::kMasterWins},
    {"most_recent", Survivorship::kMostRecent},
    {"source_priority", Survivorship::kSourcePriority},
    {"fill_if_null", Survivorship::kFillIfNull},
}};

inline constexpr NameTable<TimeUnit, 5> kTimeUnitNames{{
    {"days", TimeUnit::kDays},
    {"seconds", TimeUnit::kSeconds},
    {"milliseconds", TimeUnit::kMilliseconds},
    {"microseconds", TimeUnit::kMicroseconds},
    {"nanoseconds", TimeUnit::kNanoseconds},
}};

inline constexpr NameTable<FieldType, 7> kFieldTypeNames{{
    {"text", FieldType::Text},
    {"integer", FieldType::Integer},
    {"decimal", FieldType::Decimal},
    {"boolean", FieldType::Boolean},
    {"date", FieldType::Date},
    {"moment", FieldType::Moment},
    {"list", FieldType::List},
}};

/// The fields of ../entitlement/README.md that are no words or ids.
inline constexpr NameTable<FieldType, 14> kGrantFieldTypes{{
    {"start_date", FieldType::Date},
    {"end_date", FieldType::Date},
    {"terminated_date", FieldType::Date},
    {"suspended_from_date", FieldType::Date},
    {"suspended_to_date", FieldType::Date},
    {"start_time", FieldType::Moment},
    {"end_time", FieldType::Moment},
    {"terminated_time", FieldType::Moment},
    {"suspended_from_time", FieldType::Moment},
    {"suspended_to_time", FieldType::Moment},
    {"quantity", FieldType::Integer},
    {"amount", FieldType::Integer},
    {"grace_days", FieldType::Integer},
    {"per_unit", FieldType::Boolean},
}};

template <class E, size_t N>
constexpr std::optional<E> find_name(const NameTable<E, N>& table, std::string_view name) {
  for (const auto& [known, value] : table) {
    if (known == name) return value;
  }
  return std::nullopt;
}

template <class E, size_t N>
constexpr std::string_view name_in(const NameTable<E, N>& table, E value) {
  for (const auto& [name, known] : table) {
    if (known == value) return name;
  }
  return "unknown";
}

}  // namespace millrace::crm
