#pragma once

#include <string>
#include <string_view>

namespace millrace::engine {

/// The token in an `Authorization: Bearer <token>` header (RFC 6750); empty: it has none.
std::string_view bearer_token(std::string_view authorization);
/// SHA-256 of `salt` and then `token`, as 64 hexadecimal digits. Good for tokens of random bytes,
/// as many as nobody can try out.
std::string salted_hash(std::string_view salt, std::string_view token);
/// Compares two texts in a time that depends on their lengths alone.
bool is_same_secret(std::string_view one, std::string_view other);

}  // namespace millrace::engine
