#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "millrace/core/result.h"

#include "crm/decode/json_document.h"

namespace millrace::crm {

/// A value inside an object, by its dotted name.
struct JsonLeaf {
  std::string_view name;                  ///< "BillingAddress.City"
  std::optional<std::string_view> value;  ///< nullopt: null
};

/// Holds texts made while decoding; views of them live until `clear`.
class TextArena {
 public:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  void clear() { texts_.clear(); }

 private:
  std::deque<std::string> texts_;
};

/// `value` as the text of a field: strings unchanged, numbers in their shortest form (so that equal
/// numbers are equal texts whoever wrote them), arrays as JSON without spaces. nullopt: null.
/// REQUIRES: no object.
std::optional<std::string_view> leaf_text(simdjson::dom::element value, TextArena& texts);

/// Appends every value inside `object` that is no object to `leaves`, in the order of the document.
/// Error: `kInvalidRecord` beyond the bounds of field_limits.h.
Status flatten(const JsonDocument& document, const JsonPlace& place, simdjson::dom::object object,
               TextArena& texts, std::vector<JsonLeaf>& leaves);

/// The same for one member, whose value may be anything.
Status flatten_member(const JsonDocument& document, const JsonPlace& place, std::string_view name,
                      simdjson::dom::element value, TextArena& texts,
                      std::vector<JsonLeaf>& leaves);

}  // namespace millrace::crm
