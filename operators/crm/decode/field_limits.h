#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "crm/account_row.h"

namespace millrace::crm {

/// Bounds of a record. A record beyond one of them is bad input.
inline constexpr size_t kDocumentBytesMax = 4 << 20;
/// Nested arrays and objects of a document; Kafka Connect's schemas have about ten.
inline constexpr size_t kDocumentDepthMax = 64;
/// Nested objects of one field: names such as "BillingAddress.City" have this many parts.
inline constexpr size_t kFieldDepthMax = 8;
inline constexpr size_t kFieldsMax = kRowFieldsMax;
inline constexpr size_t kFieldNameBytesMax = 255;
/// Elements of one list in the header of a Salesforce event: record ids, names of fields.
inline constexpr size_t kHeaderListMax = 1000;
/// An event's bytes times its record ids, since each of them gets all fields.
inline constexpr size_t kExpandedBytesMax = 64 << 20;

/// Whether `name` may name a field of ours: not empty, not long, no control characters.
inline bool is_field_name(std::string_view name) {
  constexpr unsigned char kFirstPrintable = 0x20;
  return !name.empty() && name.size() <= kFieldNameBytesMax &&
         std::ranges::none_of(
             name, [](char c) { return static_cast<unsigned char>(c) < kFirstPrintable; });
}

}  // namespace millrace::crm
