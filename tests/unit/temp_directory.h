#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include <stdlib.h>

#include "millrace/core/assert.h"

namespace millrace {

/// A folder on disk of its own, gone with this.
class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-test-XXXXXX").string();
    MILLRACE_ASSERT(::mkdtemp(name.data()) != nullptr, "no temporary directory");
    path_ = name;
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace millrace
