#pragma once

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace millrace::engine {

/// Files of a test in a directory of their own, which goes with this.
class SecretFiles {
 public:
  SecretFiles()
      : directory_(std::filesystem::path(::testing::TempDir()) /
                   ("millrace-secrets-" + std::to_string(std::random_device{}()))) {
    std::filesystem::create_directories(directory_);
  }
  ~SecretFiles() { std::filesystem::remove_all(directory_); }
  SecretFiles(const SecretFiles&) = delete;
  SecretFiles& operator=(const SecretFiles&) = delete;

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_ / name, std::ios::binary) << text;
    return directory_ / name;
  }

 private:
  std::filesystem::path directory_;
};

}  // namespace millrace::engine
