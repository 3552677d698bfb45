#pragma once

#include "crm/mapping/mapping.h"
#include "crm/values/name_table.h"

namespace millrace::crm {

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

/// The fields of ../entitlement/DESIGN.md that are no words or ids.
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

}  // namespace millrace::crm
