#include "engine/secrets/peer_key.h"

#include <array>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "millrace/core/assert.h"

#include "engine/base/hexadecimal.h"
#include "engine/secrets/bearer.h"
#include "engine/secrets/secret_file.h"

namespace millrace::engine {
namespace {

constexpr size_t kPeerSecretBytesMin = 32;
constexpr size_t kMacBytes = 32;
constexpr size_t kLengthBytes = 8;

/// Each part behind its length, so that no two lists of parts give one text.
void append(std::string& text, std::string_view part) {
  for (size_t i = 0; i < kLengthBytes; ++i) {
    text += static_cast<char>(static_cast<uint64_t>(part.size()) >> (8 * i) & 0xff);
  }
  text.append(part);
}

}  // namespace

Result<PeerKey> PeerKey::load(const std::filesystem::path& file) {
  MILLRACE_RETURN_IF_ERROR(check_private(file));
  Result<std::string> secret = read_secret_file(file);
  if (!secret.ok()) return secret.status();
  if (secret->size() >= kPeerSecretBytesMin) return PeerKey(*std::move(secret));
  OPENSSL_cleanse(secret->data(), secret->size());
  return Error{ErrorCode::kConfig, file.string() +
                                       ": has less than 32 bytes; write it with "
                                       "openssl rand -hex 32"};
}

PeerKey::~PeerKey() {
  OPENSSL_cleanse(secret_.data(), secret_.size());
}

std::string PeerKey::sign(std::string_view purpose,
                          std::initializer_list<std::string_view> parts) const {
  std::string text;
  append(text, purpose);
  for (const std::string_view part : parts) append(text, part);
  std::array<unsigned char, kMacBytes> mac{};
  unsigned int size = 0;
  const bool is_done = HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
                            reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                            mac.data(), &size) != nullptr;
  MILLRACE_ASSERT(is_done && size == mac.size(), "a call of libcrypto failed");
  return hexadecimal({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

bool PeerKey::has_signed(std::string_view proof, std::string_view purpose,
                         std::initializer_list<std::string_view> parts) const {
  return is_same_secret(proof, sign(purpose, parts));
}

}  // namespace millrace::engine
