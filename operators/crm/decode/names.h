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
