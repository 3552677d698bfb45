#pragma once

#include <string>
#include <string_view>

namespace millrace::engine {

/// Whether a request with this Accept-Encoding header takes gzip.
bool accepts_gzip(std::string_view accept_encoding);

/// The bytes as a gzip stream; empty when zlib cannot.
std::string gzip(std::string_view bytes);

}  // namespace millrace::engine
