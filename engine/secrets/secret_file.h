#pragma once

#include <filesystem>
#include <string>

#include "millrace/core/result.h"

namespace millrace::engine {

/// The contents of a file with one secret, without the white space around it. Error: `kConfig` when
/// the file cannot be read, is empty or longer than 4 KiB; the message names only the file.
Result<std::string> read_secret_file(const std::filesystem::path& file);

/// Whether only the owner may write the file, and only owner and group may read it. Error:
/// `kConfig` with the command that mends it, or because there is no such file.
Status check_private(const std::filesystem::path& file);

}  // namespace millrace::engine
