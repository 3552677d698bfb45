#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "account_row_generated.h"

namespace millrace::crm {

/// The fields of a row as what sources of grants need. An empty text is an absent one.
class FieldTexts {
 public:
  /// Lives as long as `row`.
  explicit FieldTexts(const AccountRow& row) : row_(row) {}

  /// Nullopt for a field that is absent, null or empty.
  std::optional<std::string_view> find(const char* name) const;

 private:
  const AccountRow& row_;
};

/// Of 1970-01-01: `2024-05-31`; days as a number of at most seven digits; a moment, whose UTC day
/// it is.
std::optional<int32_t> day_in(std::string_view text);
/// Of ms since 1970-01-01 UTC: `2024-05-31T10:00:00.000Z`, also with an offset such as +0000 or
/// +02:00; ms as a number.
std::optional<int64_t> moment_in(std::string_view text);
/// A whole number; `5.0` is none.
std::optional<int64_t> whole_number_in(std::string_view text);

}  // namespace millrace::crm
