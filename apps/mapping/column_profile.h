#pragma once

#include <cstdint>
#include <string_view>

#include <simdjson.h>

#include "crm/values/field_form.h"

namespace millrace::apps {

/// The shapes of a column's values: counts and bounds, never a value.
struct ColumnProfile {
  uint64_t present = 0;  ///< rows that have it, null too
  uint64_t nulls = 0;
  uint64_t placeholders = 0;  ///< Debezium's value that is not available
  uint64_t bools = 0;
  uint64_t integers = 0;
  uint64_t fractions = 0;  ///< numbers with a point or an exponent
  uint64_t lists = 0;
  uint64_t decimals = 0;  ///< objects that are a decimal: VariableScaleDecimal and MongoDB's
  uint64_t moments = 0;   ///< objects that are a moment: MongoDB's
  int64_t integer_min = 0;
  int64_t integer_max = 0;
  uint64_t strings = 0;
  // Of the strings; a string may have several of these shapes:
  uint64_t empty = 0;
  uint64_t digits = 0;         ///< a number, whatever its form
  uint64_t with_point = 0;     ///< of these with a fraction
  uint64_t leading_zeros = 0;  ///< of these such as 007
  uint64_t calendar = 0;       ///< of these YYYYMMDD
  uint64_t dates = 0;
  uint64_t offset_moments = 0;  ///< infinities count as dates and as moments
  uint64_t local_moments = 0;   ///< date and time without an offset
  uint64_t documents = 0;       ///< JSON in a text
  uint64_t truths = 0;          ///< true, false, t, f
  uint64_t base64 = 0;          ///< and no number
  uint64_t emails = 0;
  uint64_t phones = 0;
  uint64_t ids = 0;             ///< values that can be a local id
  uint64_t salesforce_ids = 0;  ///< of these with the form of Salesforce's
  bool has_zero = false;        ///< a number 0 or a string "0"
  crm::FieldForm schema{};      ///< as the newest record's schema says

  uint64_t values() const { return present - nulls - placeholders; }
  uint64_t texts() const { return strings - empty; }
  void add(simdjson::dom::element value);

 private:
  void add_text(std::string_view text);
  void add_integer(int64_t number);
};

}  // namespace millrace::apps
