#include "engine/secrets/bearer.h"

#include <array>
#include <cctype>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

constexpr std::string_view kScheme = "bearer ";

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

/// Hashes texts of any length, so that the comparison does not reveal how long the token is.
Digest digest_of(std::string_view text) {
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

}  // namespace

bool is_bearer_of(std::string_view authorization, const std::string& token) {
  MILLRACE_ASSERT(!token.empty(), "an empty token would be everybody's");
  if (authorization.size() < kScheme.size()) return false;
  for (size_t i = 0; i < kScheme.size(); ++i) {
    const auto c = static_cast<unsigned char>(authorization[i]);
    if (std::tolower(c) != kScheme[i]) return false;
  }
  const Digest given = digest_of(authorization.substr(kScheme.size()));
  const Digest wanted = digest_of(token);
  return CRYPTO_memcmp(given.data(), wanted.data(), given.size()) == 0;
}

}  // namespace millrace::engine
