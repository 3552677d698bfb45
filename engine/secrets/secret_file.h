#pragma once

#include <filesystem>
#include <string>

#include "millrace/core/result.h"

namespace millrace::engine {

/// The contents of a file with one secret, without the white space around it. Error: `kConfig` when
/// the file cannot be read, is empty or longer than 4 KiB; the message names only the file.
Result<std::string> read_secret_file(const std::filesystem::path& file);

}  // namespace millrace::engine
