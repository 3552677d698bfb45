#include "engine/secrets/bearer.h"

#include <array>
#include <cctype>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "engine/base/hexadecimal.h"

namespace millrace::engine {
namespace {

constexpr std::string_view kScheme = "bearer ";

}  // namespace

std::string_view bearer_token(std::string_view authorization) {
  if (authorization.size() < kScheme.size()) return {};
  for (size_t i = 0; i < kScheme.size(); ++i) {
    const auto c = static_cast<unsigned char>(authorization[i]);
    if (std::tolower(c) != kScheme[i]) return {};
  }
  return authorization.substr(kScheme.size());
}

std::string salted_hash(std::string_view salt, std::string_view token) {
  std::string text(salt);
  text += token;
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  OPENSSL_cleanse(text.data(), text.size());
  return hexadecimal({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

bool is_same_secret(std::string_view one, std::string_view other) {
  return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace millrace::engine
