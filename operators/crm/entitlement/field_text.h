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

/// A whole number: `5` and `5.0`.
std::optional<int64_t> whole_number_in(std::string_view text);

/// The first and last day of a period, of days as `day_in` reads them. Infinities and 9999-12-31
/// are open ends; a period that begins in infinity never does.
std::optional<int32_t> first_day(int32_t day);
std::optional<int32_t> last_day(int32_t day);
/// The same for moments; from 9999-12-30 on, since it is the next day somewhere.
std::optional<int64_t> first_moment(int64_t ms);
std::optional<int64_t> end_moment(int64_t ms);

}  // namespace millrace::crm
