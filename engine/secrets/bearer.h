#pragma once

#include <string>
#include <string_view>

namespace millrace::engine {

/// Whether a request's `Authorization` header is `Bearer <token>` (RFC 6750). The time it takes
/// reveals nothing of the token. REQUIRES: `token` is not empty.
bool is_bearer_of(std::string_view authorization, const std::string& token);

}  // namespace millrace::engine
