#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "engine/secrets/peer_key.h"

namespace millrace::engine {

/// Writes a key file that only its owner may read.
inline std::filesystem::path write_key(const std::filesystem::path& file, char digit) {
  std::ofstream(file) << std::string(64, digit) << "\n";
  using Perms = std::filesystem::perms;
  std::filesystem::permissions(file, Perms::owner_read | Perms::owner_write);
  return file;
}

inline std::shared_ptr<const PeerKey> key_of(const std::filesystem::path& file) {
  Result<PeerKey> key = PeerKey::load(file);
  EXPECT_TRUE(key.ok()) << key.message();
  return std::make_shared<const PeerKey>(*std::move(key));
}

}  // namespace millrace::engine
