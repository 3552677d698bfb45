#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

#include "crm/territory/rules/field_value.h"
#include "territory_rule_generated.h"

namespace millrace::crm::territory {

using FieldIndex = uint32_t;

/// A test of a value; the operators that deny are these, negated.
enum class Test : unsigned char {
  kEquals,  ///< without values: is null
  kLess,
  kGreater,
  kLessOrEqual,
  kGreaterOrEqual,
  kContains,
  kStartsWith,
  kIncludes,
};

/// One item of a rule in compiled form: any of `values` fits, or, negated, none does.
///
/// A null value fits no value, so a null field matches every negated predicate but `not null`.
struct Predicate {
  FieldIndex field = 0;
  FieldType type = FieldType::Undeclared;
  Test test = Test::kEquals;
  bool negated = false;
  std::vector<FieldValue> values;  ///< sorted, no two equal

  /// Whether a value that is no number cannot be in it.
  bool is_range_of_numbers() const {
    return is_range() && !values.empty() && values.front().is_number;
  }
  bool is_range() const { return test >= Test::kLess && test <= Test::kGreaterOrEqual; }
  /// `value` is null for a null field.
  bool matches(const FieldValue* value) const;
  /// Equal for equivalent predicates.
  std::string identity() const;
};

/// Reads operator and values of an item; `field` is for the caller to set.
///
/// Errors: `kInvalidRecord` for an unknown operator, no values where some are needed, more than
/// `kValuesMax`, a value that is no number for a field that is one, or a semicolon in a value of
/// Includes or Excludes, which could never be equal.
Result<Predicate> read_predicate(RuleOperator op, std::string_view values, FieldType type);

inline constexpr size_t kValuesMax = 1000;

/// Calls `visit` with each part of a value with several, folded and without white space around it,
/// until it returns true; returns whether it did.
template <class Visit>
bool any_part(std::string_view text, Visit&& visit) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  while (true) {
    std::string_view part = text.substr(0, text.find(';'));
    const size_t whole = part.size();
    const size_t first = part.find_first_not_of(kSpace);
    if (first != std::string_view::npos) {
      part = part.substr(first, part.find_last_not_of(kSpace) - first + 1);
      if (visit(part)) return true;
    }
    if (whole == text.size()) return false;
    text.remove_prefix(whole + 1);
  }
}

}  // namespace millrace::crm::territory
