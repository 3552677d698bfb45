#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "millrace/core/result.h"

#include "field_type_generated.h"

namespace millrace::crm::territory {

/// A value in comparable form.
struct FieldValue {
  /// Case folded, and in the one form of its type; never empty: an empty value is null.
  std::string text;
  /// Whether it is a number, day or moment, as which it is in ranges.
  bool is_number = false;
  /// About it, in order; of texts with one `number` the texts decide.
  double number = 0;

  /// Orders for look-ups: two values are equivalent exactly when rules see them as equal.
  friend bool operator<(const FieldValue& a, const FieldValue& b) { return a.text < b.text; }
};

/// White space as the C locale has it.
inline bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// Reads `raw` into `value`, whose buffer it reuses.
///
/// Folds case by Unicode (full folding, no normalisation; bytes that are no UTF-8 count as U+FFFD).
/// By type:
/// - Undeclared: a number if the text is the one text of its number (`values/decimal_text.h`):
///   `1099.5`, not `01067`, `5.0`, `1e3` or `1,000`; else a text. Its equality is that of texts.
/// - Integer, Decimal, Date, Moment: numbers in the one form of the type; other texts are none.
/// - Boolean: `true` or `false`, whatever word says it. Text: a text. List: its elements as `a;b`.
///
/// Entries of the account index follow from it and from `any_part`: where these change, the index
/// needs another store name.
void read_value(std::string_view raw, FieldType type, FieldValue& value);

/// Whether values of the type are in ranges as numbers only.
bool has_order_of_numbers(FieldType type);

/// For ranges. Numbers as numbers, texts as texts; a number and a text, and two texts of a type
/// whose values are numbers, are unordered: they match nothing.
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
  /// Equal for equal declarations.
  std::string fingerprint() const;

 private:
  TextMap<FieldType> types_;
};

}  // namespace millrace::crm::territory
