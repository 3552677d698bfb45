#pragma once

#include <string>

#include "millrace/core/bytes.h"

namespace millrace {

/// Appends a JSON string, or `{"hex": "…"}` when `bytes` are not UTF-8.
void append_json_text(Bytes bytes, std::string& out);
/// Appends `{"hex": "…"}`.
void append_json_hex(Bytes bytes, std::string& out);

}  // namespace millrace
