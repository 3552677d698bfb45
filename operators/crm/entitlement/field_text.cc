#include "crm/entitlement/field_text.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "crm/entitlement/source.h"
#include "crm/values/decimal_text.h"
#include "crm/values/time_text.h"

namespace millrace::crm {
namespace {

constexpr int64_t kMsPerDay = 86'400'000;

}  // namespace

std::optional<std::string_view> FieldTexts::find(const char* name) const {
  if (row_.fields() == nullptr) return std::nullopt;
  const RowField* field = row_.fields()->LookupByKey(name);
  if (field == nullptr || field->value() == nullptr || field->value()->size() == 0) {
    return std::nullopt;
  }
  return field->value()->string_view();
}

std::optional<int64_t> whole_number_in(std::string_view text) {
  const std::optional<std::string> canonical = canonical_decimal(text);
  if (!canonical) return std::nullopt;
  int64_t number = 0;
  const char* const end = canonical->data() + canonical->size();
  const auto [rest, error] = std::from_chars(canonical->data(), end, number);
  return error == std::errc() && rest == end ? std::optional(number) : std::nullopt;
}

std::optional<int32_t> first_day(int32_t day) {
  if (day == kDayMinusInfinity) return std::nullopt;
  return std::min(day, kDateMax);
}

std::optional<int32_t> last_day(int32_t day) {
  if (day >= kDateMax) return std::nullopt;
  return std::max(day, kDateMin);
}

std::optional<int64_t> first_moment(int64_t ms) {
  if (ms == kMomentMinusInfinity) return std::nullopt;
  return std::min(ms, kMomentMsMax);
}

std::optional<int64_t> end_moment(int64_t ms) {
  if (ms > kMomentMsMax - 2 * kMsPerDay) return std::nullopt;
  return std::max(ms, kMomentMsMin);
}

}  // namespace millrace::crm
