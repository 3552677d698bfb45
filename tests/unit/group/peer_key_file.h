#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "engine/secrets/peer_key.h"

namespace millrace::engine {

/// A key from `file`, which it writes.
inline PeerKey make_peer_key(const std::filesystem::path& file) {
  std::ofstream(file) << std::string(64, '1');
  using Perms = std::filesystem::perms;
  std::filesystem::permissions(file, Perms::owner_read | Perms::owner_write);
  return PeerKey::load(file).value();
}

}  // namespace millrace::engine
