#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace millrace::crm {

/// Base64 with padding, in the standard alphabet or, with `url_safe`, in that of URLs.
std::string to_base64(std::string_view bytes, bool url_safe = false);
/// Of either alphabet; nullopt when `text` is none.
std::optional<std::string> from_base64(std::string_view text);
/// Lower-case hexadecimal.
std::string to_hex(std::string_view bytes);

}  // namespace millrace::crm
