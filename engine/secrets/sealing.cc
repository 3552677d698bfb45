#include "engine/secrets/sealing.h"

#include <cctype>
#include <memory>
#include <optional>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "millrace/core/assert.h"

#include "engine/base/hexadecimal.h"
#include "engine/secrets/secret_file.h"

namespace millrace::engine {
namespace {

constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kIdBytes = 8;
/// Hashed before the key for its id, so that the id is the hash of nothing else.
constexpr std::string_view kIdPurpose = "millrace sealing key id";

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

/// OpenSSL's calls fail here for want of memory, or because this program misuses them.
void must(int outcome) {
  MILLRACE_ASSERT(outcome == 1, "a call of libcrypto failed");
}

unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::optional<unsigned char> hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned char>(c - '0');
  const int lower = std::tolower(static_cast<unsigned char>(c));
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned char>(lower - 'a' + 10);
  return std::nullopt;
}

}  // namespace

Result<SealingKey> SealingKey::load(const std::filesystem::path& file) {
  Result<std::string> text = read_secret_file(file);
  if (!text.ok()) return text.status();
  const Error invalid{
      ErrorCode::kConfig,
      file.string() + ": is no key of 64 hexadecimal digits (openssl rand -hex 32)"};
  Key key{};
  bool fits = text->size() == 2 * kKeyBytes;
  for (size_t i = 0; fits && i < kKeyBytes; ++i) {
    const auto high = hex_value((*text)[2 * i]);
    const auto low = hex_value((*text)[2 * i + 1]);
    fits = high && low;
    if (fits) key[i] = static_cast<unsigned char>(*high << 4 | *low);
  }
  OPENSSL_cleanse(text->data(), text->size());
  if (!fits) return invalid;
  SealingKey sealing(key);
  OPENSSL_cleanse(key.data(), key.size());
  return sealing;
}

SealingKey::SealingKey(const Key& key) : key_(key) {
  std::string purpose_and_key(kIdPurpose);
  purpose_and_key.append(reinterpret_cast<const char*>(key.data()), key.size());
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(bytes_of(std::string_view(purpose_and_key)), purpose_and_key.size(), bytes_of(digest));
  OPENSSL_cleanse(purpose_and_key.data(), purpose_and_key.size());
  id_ = hexadecimal(std::string_view(digest).substr(0, kIdBytes));
}

SealingKey::~SealingKey() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

std::string SealingKey::seal(Bytes plain, std::string_view context) const {
  std::string sealed(kNonceBytes + plain.size() + kTagBytes, '\0');
  unsigned char* const nonce = bytes_of(sealed);
  unsigned char* const cipher = nonce + kNonceBytes;
  must(RAND_bytes(nonce, kNonceBytes));
  const CipherContext state(EVP_CIPHER_CTX_new());
  int written = 0;
  must(EVP_EncryptInit_ex(state.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce));
  must(EVP_EncryptUpdate(state.get(), nullptr, &written, bytes_of(context),
                         static_cast<int>(context.size())));
  must(EVP_EncryptUpdate(state.get(), cipher, &written, plain.bytes(),
                         static_cast<int>(plain.size())));
  must(EVP_EncryptFinal_ex(state.get(), cipher + plain.size(), &written));
  must(EVP_CIPHER_CTX_ctrl(state.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, cipher + plain.size()));
  return sealed;
}

Result<std::string> SealingKey::open(Bytes sealed, std::string_view context) const {
  const Error invalid{ErrorCode::kInvalidRecord,
                      "sealed bytes that this key does not open, or that were changed"};
  if (sealed.size() < kNonceBytes + kTagBytes) return invalid;
  const size_t size = sealed.size() - kNonceBytes - kTagBytes;
  const unsigned char* const nonce = sealed.bytes();
  const unsigned char* const cipher = nonce + kNonceBytes;
  std::string tag(sealed.view().substr(kNonceBytes + size));
  std::string plain(size, '\0');
  const CipherContext state(EVP_CIPHER_CTX_new());
  int written = 0;
  must(EVP_DecryptInit_ex(state.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce));
  must(EVP_DecryptUpdate(state.get(), nullptr, &written, bytes_of(context),
                         static_cast<int>(context.size())));
  must(EVP_DecryptUpdate(state.get(), bytes_of(plain), &written, cipher, static_cast<int>(size)));
  must(EVP_CIPHER_CTX_ctrl(state.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()));
  if (EVP_DecryptFinal_ex(state.get(), bytes_of(plain) + size, &written) != 1) return invalid;
  return plain;
}

}  // namespace millrace::engine
