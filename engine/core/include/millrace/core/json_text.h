#pragma once

#include <string>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

namespace millrace {

/// Appends a JSON string. Error: `kInvalidRecord` when `bytes` are not UTF-8.
Status append_json_text(Bytes bytes, std::string& out);

}  // namespace millrace
