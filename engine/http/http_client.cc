#include "engine/http/http_client.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <fmt/format.h>

#include "millrace/engine/http_route.h"

#include "engine/base/endpoint.h"
#include "engine/base/numbers.h"
#include "engine/http/peer_proof.h"
#include "engine/http/transport.h"

namespace millrace::engine {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
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
        on_stop_(stop_, [this] { asio::post(context_, [this] { cancel(); }); }) {}

  Status get(const Request& request, const CheckHead& check, const Sink& sink) {
    for (const std::string* const header : {&request.authorization, &request.last_event_id}) {
      if (header->size() <= kHeaderBytesMax) continue;
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: a header of {} bytes", name_, header->size())};
    }
    Status status = transport_ ? Status() : connect();
    if (status.ok()) status = exchange(request, check, sink);
    if (!status.ok()) transport_.reset();
    return status;
  }

 private:
  Status connect() {
    const bool is_secure = tls_ != nullptr;
    transport_.emplace(context_, is_secure ? tls_->get() : nullptr,
                       kAnswerHeadBytesMax + kPieceBytes);
    MILLRACE_RETURN_IF_ERROR(outcome("resolving", resolve()));
    if (is_secure && !transport_->expect_certificate(endpoint_.host)) {
      return Error{ErrorCode::kInvalidArgument, name_ + ": not a name for TLS"};
    }
    transport_->expire_after(connect_timeout_);
    MILLRACE_RETURN_IF_ERROR(outcome(
        "connecting", run([&](Transport::Done done) { transport_->connect(std::move(done)); })));
    return is_secure ? shake_hands() : Status();
  }

  error_code resolve() {
    return run([&](const Transport::Done& done) {
      transport_->call_in(connect_timeout_, [this] { transport_->cancel(); });
      transport_->resolve(endpoint_.host, endpoint_.port, [this, done](error_code error, size_t) {
        transport_->cancel_call();
        done(error, 0);
      });
    });
  }

  Status shake_hands() {
    const error_code error =
        run([&](Transport::Done done) { transport_->handshake(std::move(done)); });
    const std::string distrust = transport_->distrust(error);
    if (distrust.empty()) return outcome("securing the connection", error);
    return Error{ErrorCode::kRefused,
                 fmt::format("{}: not believed over TLS: {}", name_, distrust)};
  }

  Status exchange(const Request& request, const CheckHead& check, const Sink& sink) {
    const std::string head = head_of(request);
    wait_ = request.wait_ms > 0 ? std::chrono::milliseconds(request.wait_ms) : piece_timeout_;
    transport_->expire_after(wait_);
    MILLRACE_RETURN_IF_ERROR(outcome("asking", run([&](Transport::Done done) {
                                       transport_->write(head, request.body, std::move(done));
                                     })));
    Parser parser;
    parser.header_limit(kAnswerHeadBytesMax);
    // The caller refuses a longer answer by its head.
    parser.body_limit(std::max(request.body_bytes_max, kRefusedBytesMax));
    if (request.is_stream) parser.body_limit(std::numeric_limits<uint64_t>::max());
    MILLRACE_RETURN_IF_ERROR(outcome("reading the head", read(parser, Transport::Until::kHead)));
    MILLRACE_RETURN_IF_ERROR(check(head_of(parser)));
    while (!parser.is_done()) {
      MILLRACE_RETURN_IF_ERROR(read_piece(parser, sink, request.is_stream));
    }
    if (!parser.get().keep_alive()) transport_.reset();
    return {};
  }

  std::string head_of(const Request& request) const {
    const bool is_post = request.method == "POST";
    http::request<http::empty_body> head(is_post ? http::verb::post : http::verb::get,
                                         request.target, 11);
    head.set(http::field::host, name_);
    if (!request.authorization.empty()) {
      head.set(http::field::authorization, request.authorization);
    }
    if (!request.last_event_id.empty()) head.set("Last-Event-ID", request.last_event_id);
    if (is_post || !request.body.empty()) head.content_length(request.body.size());
    if (request.offset > 0) head.set(http::field::range, fmt::format("bytes={}-", request.offset));
    return beast::buffers_to_string(
        http::fields::writer(head, head.version(), head.method()).get());
  }

  /// Passes on the bytes that came even when the rest of the piece did not.
  Status read_piece(Parser& parser, const Sink& sink, bool is_stream) {
    parser.get().body().data = piece_.data();
    parser.get().body().size = piece_.size();
    transport_->expire_after(wait_);
    error_code error = read(parser, is_stream ? Transport::Until::kSome : Transport::Until::kEnd);
    if (error == http::error::need_buffer) error = {};
    const size_t bytes = piece_.size() - parser.get().body().size;
    if (bytes > 0) MILLRACE_RETURN_IF_ERROR(sink(std::string_view(piece_.data(), bytes)));
    return outcome("reading", error);
  }

  error_code read(Parser& parser, Transport::Until until) {
    return run([&](Transport::Done done) { transport_->read(parser, until, std::move(done)); });
  }

  static Head head_of(const Parser& parser) {
    Head head{.status = parser.get().result_int(),
              .content_length = {},
              .content_range = {},
              .peer_proof = {},
              .position = {}};
    // Not by the parser's own optional: with the sanitizers g++ 12 warns of that one.
    const auto length = parser.get()[http::field::content_length];
    uint64_t bytes = 0;
    if (read_number({length.data(), length.size()}, bytes)) head.content_length = bytes;
    const auto range = parser.get()[http::field::content_range];
    head.content_range.assign(range.data(), range.size());
    const auto proof = parser.get()[kPeerProofHeader];
    head.peer_proof.assign(proof.data(), proof.size());
    const auto position = parser.get()[kPositionHeader];
    head.position.assign(position.data(), position.size());
    return head;
  }

  error_code run(const std::function<void(Transport::Done)>& start) {
    // The cancelling that follows a stop reaches an operation that starts after this line.
    if (stop_.stop_requested()) return asio::error::operation_aborted;
    error_code result;
    start([&result](error_code error, size_t) { result = error; });
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
    if (transport_) transport_->cancel();
  }

  const Endpoint endpoint_;
  const std::string name_;
  const std::shared_ptr<TlsSettings> tls_;
  const std::chrono::milliseconds connect_timeout_;
  const std::chrono::milliseconds piece_timeout_;
  std::chrono::milliseconds wait_{};  ///< of the present request
  asio::io_context context_{1};
  std::optional<Transport> transport_;  ///< nullopt: not connected
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
