#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

namespace millrace::crm::territory {

inline constexpr size_t kFilterItemsMax = 32;
inline constexpr size_t kFilterTermsMax = 256;
inline constexpr size_t kFilterDepthMax = 32;
inline constexpr size_t kFilterBytesMax = 4096;

/// Items that must all match, as a set of bits: bit 0 is item 1.
using FilterTerm = uint32_t;
static_assert(sizeof(FilterTerm) * 8 >= kFilterItemsMax);

/// Reads a filter over items by number, such as `(1 AND 2) OR 3`, into its disjunctive form: the
/// filter matches when all items of one term match. Sorted; no term contains another.
///
/// AND and OR, in any case of letters, may stand side by side only with parentheses, as the vendor
/// demands: so neither binds closer. Blank text means all items. An item may be named several times
/// or never.
///
/// Errors: `kInvalidRecord` with the column of the fault, from 1; without a column for a filter
/// without items, or one beyond the limits above, the number of terms among them.
Result<std::vector<FilterTerm>> parse_filter(std::string_view text, size_t items);

}  // namespace millrace::crm::territory
