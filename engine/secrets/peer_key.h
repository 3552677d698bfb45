#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include "millrace/core/result.h"

namespace millrace::engine {

/// The key by which the instances of an application prove that a text comes from one of them
/// (HMAC-SHA256). Immutable, so any thread may use it; its destructor wipes it.
class PeerKey {
 public:
  /// Reads a file with 32 to 4,096 bytes of secret, white space around them left out, as
  /// `openssl rand -hex 32` writes. Error: `kConfig`, which names the file and nothing in it; also
  /// when others than owner and group may read the file, or others than the owner write it.
  static Result<PeerKey> load(const std::filesystem::path& file);

  PeerKey(PeerKey&&) = default;
  PeerKey& operator=(PeerKey&&) = default;
  ~PeerKey();

  /// 64 hexadecimal digits over `parts` in their order. `purpose` keeps texts of one kind from
  /// passing as another kind's.
  std::string sign(std::string_view purpose, std::initializer_list<std::string_view> parts) const;
  /// Whether `sign` gives `proof`, in a time that reveals nothing.
  bool has_signed(std::string_view proof, std::string_view purpose,
                  std::initializer_list<std::string_view> parts) const;

 private:
  explicit PeerKey(std::string secret) : secret_(std::move(secret)) {}

  std::string secret_;
};

}  // namespace millrace::engine
