#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "millrace/core/result.h"

namespace millrace::apps {

/// Body of `GET url`, where `url` is "http://host:port/path", or with https. The PEM file
/// `authorities` says whose certificates to believe; an empty path: those that the system knows.
/// Errors: `kInvalidArgument` for another kind of URL, `kConfig` for the file, `kRetriable` when
/// nobody answers or sends the next piece within 10 s, `kRefused` for a server without a valid
/// certificate, `kNotFound` and `kRefused` for other answers than 200, with their body. Reads at
/// most 64 MiB.
Result<std::string> http_get(std::string_view url, const std::filesystem::path& authorities = {});

}  // namespace millrace::apps
