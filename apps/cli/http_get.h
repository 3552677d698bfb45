#pragma once

#include <string>
#include <string_view>

#include "millrace/core/result.h"

namespace millrace::apps {

/// Body of `GET url`, where `url` is "http://host:port/path". Errors: `kInvalidArgument` for
/// another kind of URL, `kRetriable` when nobody answers or sends the next piece within 10 s,
/// `kNotFound` and `kRefused` for other answers than 200, with their body. Reads at most 64 MiB.
Result<std::string> http_get(std::string_view url);

}  // namespace millrace::apps
