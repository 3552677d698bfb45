#include "engine/http/gzip.h"

#include <algorithm>
#include <cctype>

#include <zlib.h>

#include "engine/http/request_parameters.h"

namespace millrace::engine {
namespace {

/// Answers are made while callers wait: the fastest level.
constexpr int kLevel = 1;
constexpr int kGzipWindowBits = 15 + 16;  // zlib.h: 16 more for gzip's header
constexpr int kMemoryLevel = 8;

std::string without_blanks_in_lower_case(std::string_view text) {
  std::string bare;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isspace(byte) == 0) bare += static_cast<char>(std::tolower(byte));
  }
  return bare;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  const std::string header = without_blanks_in_lower_case(accept_encoding);
  return std::ranges::any_of(split_at(header, ','), [](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find(';'));
    // "q=0" with any number of zeros refuses.
    const size_t weight = entry.find(";q=");
    const bool is_refused =
        weight != std::string_view::npos &&
        entry.substr(weight + 3).find_first_not_of("0.") == std::string_view::npos;
    return name == "gzip" && !is_refused;
  });
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kGzipWindowBits, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return {};
  }
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  // zlib does not write to its input.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return result == Z_STREAM_END ? packed : std::string();
}

}  // namespace millrace::engine
