#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "crm/model/account_row.h"

namespace millrace::crm {

/// Bounds of a record. A record beyond one of them is bad input.
inline constexpr size_t kDocumentBytesMax = 4 << 20;
/// Nested arrays and objects of a document; Kafka Connect's schemas have about ten.
inline constexpr size_t kDocumentDepthMax = 64;
/// Nested objects of one field: names such as "BillingAddress.City" have this many parts.
inline constexpr size_t kFieldDepthMax = 8;
inline constexpr size_t kFieldsMax = kRowFieldsMax;
inline constexpr size_t kFieldNameBytesMax = 255;
/// Names of fields in one list of the header of a Salesforce event.
inline constexpr size_t kHeaderFieldsMax = 1000;
/// Record ids of a Salesforce event: one transaction may change the same fields of many records.
inline constexpr size_t kRecordIdsMax = 50'000;
/// The bytes of an event's fields times its record ids, since each record gets all fields.
inline constexpr size_t kExpandedBytesMax = 64 << 20;

/// Whether `name` may name a field of ours: not empty, not long, no control characters.
inline bool is_field_name(std::string_view name) {
  constexpr unsigned char kFirstPrintable = 0x20;
  return !name.empty() && name.size() <= kFieldNameBytesMax &&
         std::ranges::none_of(
             name, [](char c) { return static_cast<unsigned char>(c) < kFirstPrintable; });
}

}  // namespace millrace::crm
