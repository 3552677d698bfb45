#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "account_row_generated.h"

namespace millrace::crm {

/// The fields of a row as texts for sources of grants. An empty text counts as absent.
class FieldTexts {
 public:
  /// Lives as long as `row`.
  explicit FieldTexts(const AccountRow& row) : row_(row) {}

  /// Nullopt for a field that is absent, null or empty.
  std::optional<std::string_view> find(const char* name) const;

 private:
  const AccountRow& row_;
};

/// Days since 1970-01-01, from `2024-05-31`; a number of days of at most seven digits; or a moment,
/// whose UTC day counts.
std::optional<int32_t> day_in(std::string_view text);
/// Ms since 1970-01-01 UTC, from `2024-05-31T10:00:00.000Z`, also with an offset such as +0000 or
/// +02:00; or a number of ms.
std::optional<int64_t> moment_in(std::string_view text);
/// A whole number; `5.0` is none.
std::optional<int64_t> whole_number_in(std::string_view text);

}  // namespace millrace::crm
