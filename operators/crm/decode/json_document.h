#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "millrace/core/result.h"

namespace millrace::crm {

/// The place of a value inside a document; lives on the stack during the descent.
struct JsonPlace {
  const JsonPlace* parent = nullptr;
  std::string_view name{};  ///< member of an object
  size_t index = 0;         ///< element of an array, when `name` is empty

  JsonPlace member(std::string_view member_name) const { return {this, member_name, 0}; }
  JsonPlace element(size_t element_index) const { return {this, {}, element_index}; }
};

/// A parsed, fully validated JSON document of bounded size and depth.
class JsonDocument {
 public:
  JsonDocument();
  ~JsonDocument();
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  /// Elements and their texts live until the next `parse`. Error: `kInvalidRecord`, with the
  /// position of the first fault.
  Result<simdjson::dom::element> parse(std::string_view text);

  /// Size of the parsed document.
  size_t bytes() const { return size_; }

  /// "byte 17: /payload/op: <why>" for a value of the parsed document. Finding the byte costs a
  /// parse; a name that could hold anything becomes "?".
  Error fault(const JsonPlace& place, std::string_view why) const;

 private:
  std::unique_ptr<simdjson::dom::parser> parser_;
  std::string padded_;  ///< the document, with the bytes behind it that simdjson may read
  size_t size_ = 0;
};

}  // namespace millrace::crm
