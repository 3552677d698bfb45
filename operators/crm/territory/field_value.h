#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "millrace/core/result.h"

namespace millrace::crm::territory {

/// The way to compare values of a field.
enum class FieldType : unsigned char {
  kUndeclared,  ///< as numbers when both sides are numbers, else as text
  kText,
  kNumber,  ///< as numbers; a value that is no number equals nothing and is in no range
};

/// A value in comparable form.
struct FieldValue {
  std::string text;  ///< case folded; never empty: an empty value is null
  bool is_number = false;
  double number = 0;

  /// Orders for look-ups: two values are equivalent exactly when rules see them as equal.
  friend bool operator<(const FieldValue& a, const FieldValue& b) {
    if (a.is_number != b.is_number) return b.is_number;
    return a.is_number ? a.number < b.number : a.text < b.text;
  }
};

/// White space as the C locale has it.
inline bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// Reads `raw` into `value`, whose buffer it reuses.
///
/// Folds case by Unicode (full folding, no normalisation; bytes that are no UTF-8 count as U+FFFD).
/// A number is an optional minus, digits and an optional fraction, of 15 digits at most, which a
/// double can distinguish.
void read_value(std::string_view raw, FieldType type, FieldValue& value);

/// Unordered when one of them is no number and `type` demands it.
std::partial_ordering compare(const FieldValue& a, const FieldValue& b, FieldType type);

/// Entries of a comma list, without white space around them, quotes and empty entries.
/// Error: `kInvalidRecord` for a quote that does not end where an entry does.
Result<std::vector<std::string>> split_list(std::string_view list);

/// Allows looking up by views.
struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

/// The declared types of fields. Postal codes are text unless declared otherwise: fields whose name
/// ends in `PostalCode`, `postal_code` or `ZipCode`, in any case of letters.
class FieldTypes {
 public:
  void declare(std::string field, FieldType type) { types_[std::move(field)] = type; }
  FieldType of(std::string_view field) const;

 private:
  TextMap<FieldType> types_;
};

}  // namespace millrace::crm::territory
