#include "apps/cli/http_get.h"

#include <chrono>
#include <optional>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

namespace millrace::apps {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::chrono::seconds kTimeout{10};
constexpr uint64_t kBodyBytesMax = 64 << 20;

struct Target {
  std::string host;
  std::string port;
  std::string path;
};

std::optional<Target> parse_url(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  const size_t slash = std::min(url.find('/'), url.size());
  const std::string_view authority = url.substr(0, slash);
  const size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string_view::npos;
  Target target{std::string(authority.substr(0, colon)),
                has_port ? std::string(authority.substr(colon + 1)) : "80",
                slash < url.size() ? std::string(url.substr(slash)) : "/"};
  if (target.host.empty() || target.port.empty()) return std::nullopt;
  return target;
}

/// The steps of one request, each with what is left of the time.
class Exchange {
 public:
  explicit Exchange(const Target& target) : request_(http::verb::get, target.path, 11) {
    request_.set(http::field::host, target.host);
    request_.keep_alive(false);
    parser_.body_limit(kBodyBytesMax);
  }

  error_code run(const Target& target) {
    asio::ip::tcp::resolver resolver(context_);
    const auto addresses = resolver.resolve(target.host, target.port, last_);
    if (last_) return last_;
    stream_.expires_after(kTimeout);
    stream_.async_connect(addresses, [this](error_code error, const auto&) {
      if ((last_ = error)) return;
      http::async_write(stream_, request_, [this](error_code written, size_t) {
        if ((last_ = written)) return;
        http::async_read(stream_, buffer_, parser_,
                         [this](error_code read, size_t) { last_ = read; });
      });
    });
    context_.run();
    return last_;
  }
  const http::response<http::string_body>& response() const { return parser_.get(); }

 private:
  asio::io_context context_;
  beast::tcp_stream stream_{context_};
  beast::flat_buffer buffer_;
  http::request<http::empty_body> request_;
  http::response_parser<http::string_body> parser_;
  error_code last_;
};

}  // namespace

Result<std::string> http_get(std::string_view url) {
  const std::optional<Target> target = parse_url(url);
  if (!target) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{}: not of the form http://host:port/path", url)};
  }
  Exchange exchange(*target);
  if (const error_code error = exchange.run(*target)) {
    return Error{ErrorCode::kRetriable, fmt::format("{}: {}", url, error.message())};
  }
  const auto& response = exchange.response();
  if (response.result() == http::status::ok) return response.body();
  return Error{
      response.result() == http::status::not_found ? ErrorCode::kNotFound : ErrorCode::kRefused,
      fmt::format("{}: {} {}", url, response.result_int(), response.body())};
}

}  // namespace millrace::apps
