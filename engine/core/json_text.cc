#include "millrace/core/json_text.h"

#include <nlohmann/json.hpp>

namespace millrace {

Status append_json_text(Bytes bytes, std::string& out) {
  try {
    out += nlohmann::json(bytes.view()).dump();
    return {};
  } catch (const nlohmann::json::type_error&) {
    return Error{ErrorCode::kInvalidRecord, "the text is not UTF-8"};
  }
}

}  // namespace millrace
