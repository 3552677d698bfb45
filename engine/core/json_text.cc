#include "millrace/core/json_text.h"

#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace {

void append_json_text(Bytes bytes, std::string& out) {
  try {
    out += nlohmann::json(bytes.view()).dump();
  } catch (const nlohmann::json::type_error&) {  // not UTF-8
    append_json_hex(bytes, out);
  }
}

void append_json_hex(Bytes bytes, std::string& out) {
  out += R"({"hex":")";
  for (const char byte : bytes.view()) {
    fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(byte));
  }
  out += "\"}";
}

}  // namespace millrace
