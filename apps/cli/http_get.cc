#include "apps/cli/http_get.h"

#include <stop_token>

#include <fmt/format.h>

#include "engine/http/http_client.h"

namespace millrace::apps {
namespace {

constexpr engine::HttpTimeouts kTimeouts{.connect_ms = 10'000, .piece_ms = 10'000};
constexpr uint64_t kBodyBytesMax = 64 << 20;
constexpr std::string_view kScheme = "http://";

bool names_port(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  return colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
}

}  // namespace

Result<std::string> http_get(std::string_view url) {
  const Error malformed{ErrorCode::kInvalidArgument,
                        fmt::format("{}: not of the form http://host:port/path", url)};
  if (!url.starts_with(kScheme)) return malformed;
  const std::string_view rest = url.substr(kScheme.size());
  const size_t slash = std::min(rest.find('/'), rest.size());
  std::string authority(rest.substr(0, slash));
  if (!names_port(authority)) authority += ":80";
  auto client = engine::HttpClient::open(std::move(authority), kTimeouts, std::stop_token());
  if (!client.ok()) return malformed;

  unsigned status = 0;
  std::string body;
  const Status got = (*client)->get(
      {.target = slash < rest.size() ? std::string(rest.substr(slash)) : "/",
       .body_bytes_max = kBodyBytesMax},
      [&](const engine::HttpClient::Head& head) {
        status = head.status;
        return Status();
      },
      [&](std::string_view bytes) {
        body.append(bytes);
        return Status();
      });
  if (!got.ok()) {
    const bool is_late = got.code() == ErrorCode::kTimedOut;
    return Error{is_late ? ErrorCode::kRetriable : got.code(), got.message()};
  }
  if (status == 200) return body;
  return Error{status == 404 ? ErrorCode::kNotFound : ErrorCode::kRefused,
               fmt::format("{}: {} {}", url, status, body)};
}

}  // namespace millrace::apps
