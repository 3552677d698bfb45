#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

namespace millrace::crm {

/// Recognises the value that Debezium sends in place of one that did not change and is too large to
/// be sent along (TOAST), in all the shapes that a column's type gives it: text, base64 and hex of
/// bytes, hstore as an object or as JSON text, and arrays of texts, bytes, numbers (the
/// placeholder's bytes) and UUIDs (the one named after it). Source: `UnchangedToastedPlaceholder`
/// of Debezium's connector for PostgreSQL.
class UnavailableValue {
 public:
  explicit UnavailableValue(std::string_view placeholder);

  /// Whether `value`, or a part of it, is the placeholder.
  bool is_in(simdjson::dom::element value) const;

 private:
  bool is_text(std::string_view text) const;
  bool is_bytes(simdjson::dom::array numbers) const;

  std::string placeholder_;
  std::vector<std::string> texts_;
};

}  // namespace millrace::crm
