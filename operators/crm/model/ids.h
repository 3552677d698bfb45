#pragma once

#include <string>
#include <string_view>

#include "millrace/core/result.h"

namespace millrace::crm {

inline constexpr size_t kSourceBytesMax = 32;
inline constexpr size_t kLocalIdBytesMax = 255;

/// The one form of an id inside Millrace: "<source>:<local id>", e.g. "ror:0006s4z66".
///
/// `source` is 1–32 of a–z, 0–9, '-' and '_'; the local id is 1–255 bytes without control
/// characters, as the source writes it. Error: `kInvalidArgument`.
Result<std::string> internal_id(std::string_view source, std::string_view local_id);

/// Whether `id` has the internal form.
bool is_internal_id(std::string_view id);

/// "ror" of "ror:0006s4z66". REQUIRES: is_internal_id(id).
std::string_view source_of(std::string_view id);

/// The 18-character, case-safe form of a Salesforce id of 15 or 18 characters.
///
/// Error: `kInvalidArgument` for another length, for other characters than letters and digits and
/// for an 18-character id whose last three do not match the first fifteen.
Result<std::string> canonical_salesforce_id(std::string_view id);

}  // namespace millrace::crm
