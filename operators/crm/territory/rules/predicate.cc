#include "crm/territory/rules/predicate.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "crm/values/field_form.h"

namespace millrace::crm::territory {
namespace {

Error invalid(std::string message) {
  return {ErrorCode::kInvalidRecord, std::move(message)};
}

Result<std::pair<Test, bool>> test_of(RuleOperator op) {
  switch (op) {
    case RuleOperator::Equals:
      return std::pair{Test::kEquals, false};
    case RuleOperator::NotEqual:
      return std::pair{Test::kEquals, true};
    case RuleOperator::LessThan:
      return std::pair{Test::kLess, false};
    case RuleOperator::GreaterThan:
      return std::pair{Test::kGreater, false};
    case RuleOperator::LessOrEqual:
      return std::pair{Test::kLessOrEqual, false};
    case RuleOperator::GreaterOrEqual:
      return std::pair{Test::kGreaterOrEqual, false};
    case RuleOperator::Contains:
      return std::pair{Test::kContains, false};
    case RuleOperator::NotContain:
      return std::pair{Test::kContains, true};
    case RuleOperator::StartsWith:
      return std::pair{Test::kStartsWith, false};
    case RuleOperator::Includes:
      return std::pair{Test::kIncludes, false};
    case RuleOperator::Excludes:
      return std::pair{Test::kIncludes, true};
  }
  return invalid("unknown operator " + std::to_string(static_cast<int>(op)));
}

/// Parts of texts are texts, and so are the values that look for them.
bool is_textual(Test test) {
  return test == Test::kContains || test == Test::kStartsWith || test == Test::kIncludes;
}

Status check_values(const Predicate& predicate) {
  if (predicate.values.empty() && predicate.test != Test::kEquals) {
    return invalid("the operator needs a value");
  }
  if (predicate.values.size() > kValuesMax) {
    return invalid("more than " + std::to_string(kValuesMax) + " values");
  }
  for (const FieldValue& value : predicate.values) {
    if (has_order_of_numbers(predicate.type) && !is_textual(predicate.test) && !value.is_number) {
      return invalid("'" + value.text + "' is no " + std::string(to_string(predicate.type)));
    }
    if (predicate.test == Test::kIncludes && value.text.find(';') != std::string::npos) {
      return invalid("'" + value.text + "' is several values");
    }
  }
  return {};
}

bool fits_range(const Predicate& predicate, const FieldValue& value) {
  return std::ranges::any_of(predicate.values, [&](const FieldValue& bound) {
    const std::partial_ordering order = compare(value, bound, predicate.type);
    switch (predicate.test) {
      case Test::kLess:
        return order < 0;
      case Test::kGreater:
        return order > 0;
      case Test::kLessOrEqual:
        return order <= 0;
      default:
        return order >= 0;
    }
  });
}

bool fits(const Predicate& predicate, const FieldValue* value) {
  if (value == nullptr) return predicate.values.empty();
  const auto& values = predicate.values;
  switch (predicate.test) {
    case Test::kEquals:
      return std::ranges::binary_search(values, *value, std::less<>());
    case Test::kContains:
      return std::ranges::any_of(values, [value](const FieldValue& needle) {
        return value->text.find(needle.text) != std::string::npos;
      });
    case Test::kStartsWith:
      return std::ranges::any_of(values, [value](const FieldValue& prefix) {
        return value->text.starts_with(prefix.text);
      });
    case Test::kIncludes:
      return any_part(value->text, [&values](std::string_view part) {
        return std::ranges::binary_search(values, part, std::less<>(), &FieldValue::text);
      });
    default:
      return fits_range(predicate, *value);
  }
}

template <class Value>
void append_raw(std::string& bytes, const Value& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

bool Predicate::matches(const FieldValue* value) const {
  return fits(*this, value) != negated;
}

std::string Predicate::identity() const {
  std::string bytes;
  append_raw(bytes, field);
  append_raw(bytes, test);
  append_raw(bytes, negated);
  for (const FieldValue& value : values) {
    append_raw(bytes, value.text.size());
    bytes += value.text;
  }
  return bytes;
}

Result<Predicate> read_predicate(RuleOperator op, std::string_view values, FieldType type) {
  const auto test = test_of(op);
  if (!test.ok()) return test.status();
  Predicate predicate;
  predicate.type = type;
  std::tie(predicate.test, predicate.negated) = *test;
  const auto entries = split_list(values);
  if (!entries.ok()) return entries.status();
  const FieldType value_type = is_textual(predicate.test) ? FieldType::Text : type;
  for (const std::string& entry : *entries) {
    read_value(entry, value_type, predicate.values.emplace_back());
  }
  std::ranges::sort(predicate.values, std::less<>());
  const auto equal = [](const FieldValue& a, const FieldValue& b) { return a.text == b.text; };
  predicate.values.erase(std::unique(predicate.values.begin(), predicate.values.end(), equal),
                         predicate.values.end());
  MILLRACE_RETURN_IF_ERROR(check_values(predicate));
  return predicate;
}

}  // namespace millrace::crm::territory
