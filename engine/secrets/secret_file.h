#pragma once

#include <filesystem>
#include <string>

#include "millrace/core/result.h"

namespace millrace::engine {

/// What a file of one secret holds, without the white space around it. Error: `kConfig` when it
/// cannot be read, is empty or longer than 4 KiB; it tells the file and nothing in it.
Result<std::string> read_secret_file(const std::filesystem::path& file);

}  // namespace millrace::engine
