#include "apps/cli/http_get.h"

#include <stop_token>

#include <fmt/format.h>

#include "engine/http/http_client.h"

namespace millrace::apps {
namespace {

constexpr engine::HttpTimeouts kTimeouts{.connect_ms = 10'000, .piece_ms = 10'000};
constexpr uint64_t kBodyBytesMax = 64 << 20;
constexpr std::string_view kPlain = "http://";
constexpr std::string_view kSecure = "https://";

bool names_port(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  return colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
}

}  // namespace

Result<std::string> http_get(std::string_view url, const std::filesystem::path& authorities) {
  const Error malformed{ErrorCode::kInvalidArgument,
                        fmt::format("{}: not of the form http://host:port/path", url)};
  const bool is_secure = url.starts_with(kSecure);
  if (!is_secure && !url.starts_with(kPlain)) return malformed;
  const std::string_view rest = url.substr((is_secure ? kSecure : kPlain).size());
  const size_t slash = std::min(rest.find('/'), rest.size());
  std::string endpoint(rest.substr(0, slash));
  if (!names_port(endpoint)) endpoint += is_secure ? ":443" : ":80";
  std::shared_ptr<engine::TlsSettings> tls;
  if (is_secure) {
    auto opened = engine::open_client_tls(authorities);
    if (!opened.ok()) return opened.status();
    tls = *std::move(opened);
    endpoint.insert(0, kSecure);
  }
  auto client = engine::HttpClient::open(std::move(endpoint), kTimeouts, std::stop_token(), tls);
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
