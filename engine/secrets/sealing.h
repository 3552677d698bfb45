#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

namespace millrace::engine {

/// A key that seals bytes at rest, by AES-256-GCM: without it nobody reads them or changes them
/// unseen. Immutable, so any thread may use it; its destructor wipes it.
class SealingKey {
 public:
  /// Reads a file of 64 hexadecimal digits (32 random bytes), white space around them allowed, as
  /// `openssl rand -hex 32` writes. Error: `kConfig`, which names the file and nothing in it.
  static Result<SealingKey> load(const std::filesystem::path& file);

  SealingKey(const SealingKey&) = default;
  SealingKey& operator=(const SealingKey&) = default;
  ~SealingKey();

  /// 16 hexadecimal digits that name the key and reveal nothing else about it.
  const std::string& id() const { return id_; }

  /// By how much a sealed part is longer than the part.
  static constexpr size_t kOverheadBytes = 28;

  /// Returns a random nonce of 12 bytes, as many bytes as `plain` has, a tag of 16 bytes. `context`
  /// names the bytes; `open` needs it again, and it is not in the result.
  /// One key is good for 2^32 seals (NIST SP 800-38D, 8.3).
  std::string seal(Bytes plain, std::string_view context) const;
  /// Error: `kInvalidRecord` for another key or context, and for changed bytes.
  Result<std::string> open(Bytes sealed, std::string_view context) const;

 private:
  static constexpr size_t kKeyBytes = 32;
  using Key = std::array<unsigned char, kKeyBytes>;
  explicit SealingKey(const Key& key);

  Key key_;
  std::string id_;
};

}  // namespace millrace::engine
