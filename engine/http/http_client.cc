#include "engine/http/http_client.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <fmt/format.h>

#include "millrace/engine/http_route.h"

#include "engine/base/endpoint.h"
#include "engine/http/peer_proof.h"

namespace millrace::engine {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Parser = http::response_parser<http::buffer_body>;

constexpr uint32_t kAnswerHeadBytesMax = 8 << 10;
constexpr uint64_t kRefusedBytesMax = 1 << 20;
constexpr size_t kPieceBytes = 64 << 10;
/// Beast throws for a header of 64 KiB.
constexpr size_t kHeaderBytesMax = 32 << 10;

}  // namespace

/// Every operation is asynchronous underneath, so that it has a limit in time and others can stop
/// it; each runs to its end here.
class HttpClient::Connection {
 public:
  /// Null `tls`: in the clear.
  Connection(Endpoint endpoint, HttpTimeouts timeouts, std::stop_token stop,
             std::shared_ptr<TlsSettings> tls)
      : endpoint_(std::move(endpoint)),
        name_(endpoint_.to_string()),
        tls_(std::move(tls)),
        connect_timeout_(timeouts.connect_ms),
        piece_timeout_(timeouts.piece_ms),
        stop_(std::move(stop)),
        on_stop_(stop_, [this] { asio::post(context_, [this] { cancel(); }); }) {
    // Beast reads what there is room for, which would be 512 bytes: a seventh of the speed.
    buffer_.reserve(buffer_.max_size());
  }

  Status get(const Request& request, const CheckHead& check, const Sink& sink) {
    for (const std::string* const header : {&request.authorization, &request.last_event_id}) {
      if (header->size() <= kHeaderBytesMax) continue;
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: a header of {} bytes", name_, header->size())};
    }
    Status status = is_open() ? Status() : connect();
    if (status.ok()) {
      status = secure_ ? exchange(*secure_, request, check, sink)
                       : exchange(*plain_, request, check, sink);
    }
    if (!status.ok()) {
      drop();
      buffer_.clear();
    }
    return status;
  }

 private:
  bool is_open() const { return plain_ || secure_; }
  void drop() {
    plain_.reset();
    secure_.reset();
  }
  beast::tcp_stream& tcp() { return secure_ ? beast::get_lowest_layer(*secure_) : *plain_; }

  Status connect() {
    std::vector<Tcp::endpoint> addresses;
    MILLRACE_RETURN_IF_ERROR(resolve(addresses));
    if (tls_ == nullptr) {
      plain_.emplace(context_);
    } else {
      MILLRACE_RETURN_IF_ERROR(prepare_tls());
    }
    tcp().expires_after(connect_timeout_);
    MILLRACE_RETURN_IF_ERROR(
        outcome("connecting", run([&](auto done) {
                  tcp().async_connect(
                      addresses, [done](error_code error, const Tcp::endpoint&) { done(error); });
                })));
    return tls_ == nullptr ? Status() : shake_hands();
  }

  /// The server has to have a certificate for the host of the endpoint, and learns that name.
  Status prepare_tls() {
    context_of_tls_ = tls_->get();
    secure_.emplace(context_, *context_of_tls_);
    secure_->set_verify_callback(asio::ssl::host_name_verification(endpoint_.host));
    if (is_ip_address(endpoint_.host)) return {};
    if (SSL_set_tlsext_host_name(secure_->native_handle(), endpoint_.host.c_str()) == 1) return {};
    return Error{ErrorCode::kInvalidArgument, name_ + ": not a name for TLS"};
  }

  Status shake_hands() {
    const error_code error = run([&](auto done) {
      secure_->async_handshake(asio::ssl::stream_base::client,
                               [done](error_code failed) { done(failed); });
    });
    if (error.category() != asio::error::get_ssl_category()) {
      return outcome("securing the connection", error);
    }
    const long verified = SSL_get_verify_result(secure_->native_handle());
    return Error{ErrorCode::kRefused,
                 fmt::format("{}: not believed over TLS: {}", name_,
                             verified == X509_V_OK ? error.message()
                                                   : X509_verify_cert_error_string(verified))};
  }

  Status resolve(std::vector<Tcp::endpoint>& addresses) {
    error_code no_address;
    const auto address = asio::ip::make_address(endpoint_.host, no_address);
    if (!no_address) {
      addresses.emplace_back(address, endpoint_.port);
      return {};
    }
    asio::steady_timer timer(context_, connect_timeout_);
    timer.async_wait([this](error_code error) {
      if (!error) resolver_.cancel();
    });
    return outcome("resolving", run([&](auto done) {
                     resolver_.async_resolve(endpoint_.host, std::to_string(endpoint_.port),
                                             [&, done](error_code error, auto found) {
                                               timer.cancel();
                                               for (const auto& entry : found) {
                                                 addresses.push_back(entry.endpoint());
                                               }
                                               done(error);
                                             });
                   }));
  }

  template <class Stream>
  Status exchange(Stream& stream, const Request& request, const CheckHead& check,
                  const Sink& sink) {
    const bool is_post = request.method == "POST";
    http::request<http::string_body> head(is_post ? http::verb::post : http::verb::get,
                                          request.target, 11);
    head.set(http::field::host, name_);
    if (!request.authorization.empty()) {
      head.set(http::field::authorization, request.authorization);
    }
    if (!request.last_event_id.empty()) head.set("Last-Event-ID", request.last_event_id);
    if (is_post) {
      head.body() = request.body;
      head.prepare_payload();
    }
    if (request.offset > 0) head.set(http::field::range, fmt::format("bytes={}-", request.offset));
    wait_ = request.wait_ms > 0 ? std::chrono::milliseconds(request.wait_ms) : piece_timeout_;
    tcp().expires_after(wait_);
    MILLRACE_RETURN_IF_ERROR(outcome(
        "asking", run([&](auto done) {
          http::async_write(stream, head, [done](error_code error, size_t) { done(error); });
        })));
    Parser parser;
    parser.header_limit(kAnswerHeadBytesMax);
    // The caller refuses a longer answer by its head.
    parser.body_limit(std::max(request.body_bytes_max, kRefusedBytesMax));
    if (request.is_stream) parser.body_limit(std::numeric_limits<uint64_t>::max());
    MILLRACE_RETURN_IF_ERROR(outcome("reading the head", run([&](auto done) {
                                       http::async_read_header(
                                           stream, buffer_, parser,
                                           [done](error_code error, size_t) { done(error); });
                                     })));
    MILLRACE_RETURN_IF_ERROR(check(head_of(parser)));
    while (!parser.is_done()) {
      MILLRACE_RETURN_IF_ERROR(read_piece(stream, parser, sink, request.is_stream));
    }
    if (!parser.get().keep_alive()) drop();
    return {};
  }

  /// Passes on the bytes that came even when the rest of the piece did not.
  template <class Stream>
  Status read_piece(Stream& stream, Parser& parser, const Sink& sink, bool is_stream) {
    parser.get().body().data = piece_.data();
    parser.get().body().size = piece_.size();
    tcp().expires_after(wait_);
    error_code error = run([&](auto done) {
      const auto read = [done](error_code failed, size_t) { done(failed); };
      if (is_stream) {
        http::async_read_some(stream, buffer_, parser, read);
      } else {
        http::async_read(stream, buffer_, parser, read);
      }
    });
    if (error == http::error::need_buffer) error = {};
    const size_t bytes = piece_.size() - parser.get().body().size;
    if (bytes > 0) MILLRACE_RETURN_IF_ERROR(sink(std::string_view(piece_.data(), bytes)));
    return outcome("reading", error);
  }

  static Head head_of(const Parser& parser) {
    Head head{.status = parser.get().result_int(),
              .content_length = {},
              .content_range = {},
              .peer_proof = {},
              .position = {}};
    if (const auto length = parser.content_length()) head.content_length = *length;
    const auto range = parser.get()[http::field::content_range];
    head.content_range.assign(range.data(), range.size());
    const auto proof = parser.get()[kPeerProofHeader];
    head.peer_proof.assign(proof.data(), proof.size());
    const auto position = parser.get()[kPositionHeader];
    head.position.assign(position.data(), position.size());
    return head;
  }

  template <class Start>
  error_code run(Start&& start) {
    // The cancelling that follows a stop reaches an operation that starts after this line.
    if (stop_.stop_requested()) return asio::error::operation_aborted;
    error_code result;
    start([&result](error_code error) { result = error; });
    context_.restart();
    context_.run();
    return result;
  }

  /// A protocol error is no broken connection: the peer talks nonsense.
  Status outcome(const char* what, error_code error) const {
    if (!error) return {};
    if (stop_.stop_requested()) return Error{ErrorCode::kAborted, "asked to stop"};
    if (error == beast::error::timeout) {
      return Error{ErrorCode::kTimedOut, fmt::format("{}: {}: no answer", name_, what)};
    }
    const bool is_nonsense =
        error.category() == http::make_error_code(http::error::bad_version).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message;
    return Error{is_nonsense ? ErrorCode::kInvalidRecord : ErrorCode::kRetriable,
                 fmt::format("{}: {}: {}", name_, what, error.message())};
  }

  void cancel() {
    resolver_.cancel();
    if (is_open()) tcp().cancel();
  }

  const Endpoint endpoint_;
  const std::string name_;
  const std::shared_ptr<TlsSettings> tls_;
  const std::chrono::milliseconds connect_timeout_;
  const std::chrono::milliseconds piece_timeout_;
  std::chrono::milliseconds wait_{};  ///< of the present request
  asio::io_context context_{1};
  Tcp::resolver resolver_{context_};
  std::optional<beast::tcp_stream> plain_;
  std::shared_ptr<asio::ssl::context> context_of_tls_;
  std::optional<beast::ssl_stream<beast::tcp_stream>> secure_;
  beast::flat_buffer buffer_{kAnswerHeadBytesMax + kPieceBytes};
  std::vector<char> piece_ = std::vector<char>(kPieceBytes);
  std::stop_token stop_;
  std::stop_callback<std::function<void()>> on_stop_;  ///< last: it uses the rest
};

HttpClient::HttpClient(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}

HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::open(std::string endpoint, HttpTimeouts timeouts,
                                                     std::stop_token stop,
                                                     std::shared_ptr<TlsSettings> tls) {
  const bool is_secure = endpoint.starts_with(kSecureScheme);
  std::optional<Endpoint> read =
      parse_endpoint(std::string_view(endpoint).substr(is_secure ? kSecureScheme.size() : 0));
  if (!read) {
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("'{}' is not an endpoint of the form host:port", endpoint)};
  }
  if (is_secure && tls == nullptr) {
    return Error{ErrorCode::kInvalidArgument, endpoint + ": no settings of TLS to ask it"};
  }
  return std::unique_ptr<HttpClient>(new HttpClient(std::make_unique<Connection>(
      std::move(*read), timeouts, std::move(stop), is_secure ? std::move(tls) : nullptr)));
}

Status HttpClient::get(const Request& request, const CheckHead& check, const Sink& sink) {
  return connection_->get(request, check, sink);
}

}  // namespace millrace::engine
