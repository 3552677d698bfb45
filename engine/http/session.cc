#include "engine/http/session.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <spdlog/spdlog.h>

#include "millrace/core/clock.h"

#include "engine/http/file_part.h"
#include "engine/http/gzip.h"
#include "engine/http/peer_proof.h"
#include "engine/secrets/bearer.h"

namespace millrace::engine {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;

constexpr uint32_t kRequestHeadBytesMax = 16 << 10;
constexpr size_t kReadBytes = 4 << 10;
constexpr std::chrono::milliseconds kReservedTimeout{2'000};
/// After the last answer: a client that still sends would lose it to the reset of the connection.
constexpr std::chrono::milliseconds kLingerTimeout{1'000};
constexpr size_t kLingerBytesMax = 1 << 20;
constexpr const char* kRetryAfterS = "1";
constexpr size_t kPackedBytesMin = 16 << 10;

/// A Beast body that reads its file while Beast sends it, a piece at a time.
struct FilePartBody {
  using value_type = FilePart;
  static uint64_t size(const FilePart& part) { return part.bytes; }

  class writer {  // NOLINT(readability-identifier-naming): Beast's name
   public:
    using const_buffers_type = asio::const_buffer;  // NOLINT: Beast's name

    template <bool IsRequest, class Fields>
    writer(const http::header<IsRequest, Fields>&, const FilePart& part)
        : part_(part), buffer_(new char[kFilePieceBytes]) {}

    void init(error_code& error) { error = {}; }

    boost::optional<std::pair<const_buffers_type, bool>> get(error_code& error) {
      error = {};
      const uint64_t left = part_.bytes - sent_;
      if (left == 0) return boost::none;
      const size_t wanted = std::min<uint64_t>(left, kFilePieceBytes);
      const Result<size_t> bytes =
          part_.file->read_at(part_.offset + sent_, {buffer_.get(), wanted});
      if (!bytes.ok() || *bytes < wanted) {
        spdlog::warn("file not sent to its end: {}",
                     bytes.ok() ? "it became shorter" : bytes.message());
        error = boost::system::errc::make_error_code(boost::system::errc::io_error);
        return boost::none;
      }
      sent_ += wanted;
      return {{const_buffers_type(buffer_.get(), wanted), sent_ < part_.bytes}};
    }

   private:
    const FilePart& part_;
    std::unique_ptr<char[]> buffer_;
    uint64_t sent_ = 0;
  };
};

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

/// The operation that is under way keeps a session alive; its strand keeps its handlers apart.
template <class Stream>
class Session : public std::enable_shared_from_this<Session<Stream>> {
 public:
  /// `tls`: nothing, or the settings of TLS.
  template <class... Tls>
  Session(Tcp::socket socket, const SessionShared& shared, Admission::Place place, Tls&... tls)
      : stream_(std::move(socket), tls...), shared_(shared), place_(std::move(place)) {
    shared_.show_connections();
  }
  ~Session() {
    place_ = {};
    shared_.show_connections();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void run() {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->begin(); });
  }

 private:
  beast::tcp_stream& tcp() { return beast::get_lowest_layer(stream_); }

  void begin() {
    if constexpr (std::is_same_v<Stream, PlainStream>) {
      wait_for_request(shared_.request_timeout);
    } else {
      expire_after(shared_.request_timeout);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code error) {
                                if (error) return self->shared_.count_refusal("tls");
                                self->wait_for_request(self->shared_.request_timeout);
                              });
    }
  }

  bool is_reserved() const { return place_.entry() == Admission::Entry::kReserved; }

  void expire_after(std::chrono::milliseconds timeout) {
    tcp().expires_after(is_reserved() ? std::min(timeout, kReservedTimeout) : timeout);
  }

  /// A connection may be idle for longer than a request may take to arrive.
  void wait_for_request(std::chrono::milliseconds timeout) {
    if (buffer_.size() > 0) return read_head();
    expire_after(timeout);
    stream_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = this->shared_from_this()](error_code error, size_t bytes) {
                              if (error) return;  // the peer closed, or let the time pass
                              self->buffer_.commit(bytes);
                              self->read_head();
                            });
  }

  void read_head() {
    match_ = {};
    peer_nonce_.clear();
    parser_.emplace();
    parser_->header_limit(kRequestHeadBytesMax);
    parser_->body_limit(shared_.routes.body_bytes_max());
    expire_after(shared_.request_timeout);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = this->shared_from_this()](error_code error, size_t) { self->on_head(error); });
  }

  void on_head(error_code error) {
    if (error && error.category() != http::make_error_code(http::error::bad_method).category()) {
      return;
    }
    if (error == http::error::end_of_stream) return close();
    if (error) return refuse_malformed(error);
    if (std::optional<HttpAnswer> refusal = check_head()) return write(*std::move(refusal), true);
    if (parser_->is_done()) return answer();
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](error_code failed, size_t) {
                       if (!failed) return self->answer();
                       self->on_broken_body(failed);
                     });
  }

  void on_broken_body(error_code error) {
    if (error.category() != http::make_error_code(http::error::bad_method).category()) return;
    if (error != http::error::partial_message) refuse_malformed(error);
  }

  void refuse_malformed(error_code error) {
    shared_.count_refusal("malformed");
    unsigned status = 400;
    if (error == http::error::header_limit) status = 431;
    if (error == http::error::body_limit) status = 413;
    write(error_answer(status, "not a request that is served here: " + error.message()), true);
  }

  HttpAnswer refusal(const char* reason, unsigned status, std::string_view message) const {
    shared_.count_refusal(reason);
    return error_answer(status, message);
  }

  /// Finds the route; returns the answer if there is none, or it is not for this request.
  std::optional<HttpAnswer> check_head() {
    const auto& request = parser_->get();
    const auto host = request[http::field::host];
    const bool has_host = request.count(http::field::host) == 1;
    if (!has_host && (request.version() > 10 || request.count(http::field::host) > 1)) {
      return refusal("malformed", 400, "a request needs one Host header");
    }
    if (has_host && !shared_.hosts.allows({host.data(), host.size()})) {
      return refusal("host", 421,
                     "the Host header names another server; query.allowed.hosts lists the names "
                     "that this one goes by");
    }
    const bool is_post = request.method() == http::verb::post;
    if (!is_post && request.method() != http::verb::get && request.method() != http::verb::head) {
      HttpAnswer refused = refusal("malformed", 405, "only GET and POST are served here");
      refused.allow = "GET, HEAD, POST";
      return refused;
    }
    // A browser names the origin of the page that makes it post.
    if (is_post && request.count(http::field::origin) > 0) {
      return refusal("web_page", 403, "web pages may not change anything here");
    }
    const auto target = request.target();
    target_.assign(target.data(), target.size());
    match_ = shared_.routes.find(is_post ? HttpMethod::kPost : HttpMethod::kGet, target_);
    if (match_.route == nullptr) {
      return has_body() ? std::optional(match_.refusal) : std::nullopt;
    }
    if (is_reserved() && !match_.route->is_vital) {
      return refusal("reserved", 503,
                     "all connections are taken (query.connections.max, "
                     "query.connections.per.address)");
    }
    const uint64_t length = parser_->content_length().value_or(0);
    if (has_body() && match_.route->body_bytes_max == 0) {
      return refusal("malformed", 400, "this path takes no body");
    }
    if (length > match_.route->body_bytes_max) {
      return refusal("malformed", 413, "the body is too long");
    }
    parser_->body_limit(match_.route->body_bytes_max);
    return std::nullopt;
  }

  bool has_body() const { return parser_->chunked() || parser_->content_length().value_or(0) > 0; }

  void answer() {
    const bool last = !parser_->get().keep_alive() || is_reserved();
    if (match_.route == nullptr) return write(std::move(match_.refusal), last);
    HttpRequest request;
    request.body = std::move(parser_->get().body());
    request.deadline = std::chrono::steady_clock::now() + shared_.answer_timeout;
    if (std::optional<HttpAnswer> refused = identify(request)) {
      count(refused->status);
      return write(*std::move(refused), last);
    }
    const bool is_known = !request.caller.empty();
    if (match_.route->right == Right::kOperate && request.rights.has(Right::kOperate)) {
      spdlog::info("operation asked for path={} caller={}", match_.route->pattern,
                   is_known ? request.caller : "anonymous");
    }
    HttpAnswer answer = answer_of(match_, std::move(request), is_known);
    count(answer.status);
    if (answer.later) return answer_later(std::move(answer.later), last);
    write(std::move(answer), last);
  }

  /// Finds out who asks; returns the answer to an instance that cannot prove it.
  std::optional<HttpAnswer> identify(HttpRequest& request) {
    const auto header = parser_->get()[http::field::authorization];
    const std::string_view authorization(header.data(), header.size());
    if (is_peer_authorization(authorization)) return identify_peer(authorization, request);
    request.rights = shared_.anonymous;
    if (shared_.tokens == nullptr) return std::nullopt;
    const std::shared_ptr<const TokenTable> tokens = shared_.tokens->get();
    const TokenTable::Caller* const caller = tokens->find(bearer_token(authorization));
    request.rights = caller == nullptr ? tokens->anonymous() : caller->rights;
    if (caller != nullptr) request.caller = caller->name;
    return std::nullopt;
  }

  std::optional<HttpAnswer> identify_peer(std::string_view authorization, HttpRequest& request) {
    if (shared_.peer_key == nullptr) {
      return error_answer(401, "this instance has no query.peer.key.file");
    }
    const bool is_post = parser_->get().method() == http::verb::post;
    Result<PeerClaims> claims =
        check_request(*shared_.peer_key, authorization,
                      {is_post ? "POST" : "GET", target_, request.body}, system_clock().now_ms());
    if (!claims.ok()) return error_answer(401, claims.message());
    request.rights = claims->rights;
    request.rights.add(Right::kPeer);
    request.caller = "instance " + claims->instance;
    request.deadline = std::min(request.deadline, std::chrono::steady_clock::now() +
                                                      std::chrono::milliseconds(claims->wait_ms));
    peer_nonce_ = std::move(claims->nonce);
    return std::nullopt;
  }

  void answer_later(std::function<HttpAnswer()> make, bool last) {
    tcp().expires_never();
    const bool is_taken = shared_.waiters.run([self = this->shared_from_this(), make, last] {
      HttpAnswer answer = answer_or_error(*self->match_.route, make);
      asio::post(self->stream_.get_executor(), [self, last, answer = std::move(answer)]() mutable {
        self->write(std::move(answer), last);
      });
    });
    if (is_taken) return;
    write(refusal("waiting", 503, "too many requests wait for other instances"), last);
  }

  void count(unsigned status) const {
    if (status == 401) return shared_.count_refusal("unauthorized");
    if (status == 403) return shared_.count_refusal("forbidden");
    if (shared_.metrics != nullptr) shared_.metrics->queries(match_.route->pattern).add();
  }

  template <class Body>
  void set_head(http::response<Body>& response, const HttpAnswer& answer, bool last) const {
    response.result(answer.status);
    response.set(http::field::content_type, answer.content_type);
    response.set(http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    if (!answer.allow.empty()) response.set(http::field::allow, answer.allow);
    if (!answer.position.empty()) response.set(kPositionHeader, answer.position);
    if (!peer_nonce_.empty() && answer.file == nullptr) {
      response.set(kPeerProofHeader,
                   prove_answer(*shared_.peer_key, peer_nonce_, answer.status, answer.body));
    }
    if (response.result() == http::status::unauthorized) {
      response.set(http::field::www_authenticate, "Bearer");
    }
    if (response.result() == http::status::service_unavailable) {
      response.set(http::field::retry_after, kRetryAfterS);
    }
    response.keep_alive(!last);
  }

  void write(HttpAnswer answer, bool last) {
    const bool is_head = parser_->get().method() == http::verb::head;
    if (answer.file != nullptr && !is_head) return write_file(std::move(answer), last);
    response_ = {};
    set_head(response_, answer, last);
    response_.body() = std::move(answer.body);
    if (answer.file == nullptr) pack_if_wanted();
    response_.prepare_payload();
    if (answer.file != nullptr) response_.content_length(answer.file->size());
    if (is_head) response_.body().clear();
    expire_after(shared_.answer_timeout);
    http::async_write(stream_, response_,
                      [self = this->shared_from_this(), last](error_code error, size_t) {
                        self->on_written(error, last);
                      });
  }

  /// Compresses a long answer for a caller who takes that; the proof for another instance is over
  /// the body as it is.
  void pack_if_wanted() {
    if (response_.body().size() < kPackedBytesMin || !peer_nonce_.empty()) return;
    response_.set(http::field::vary, "Accept-Encoding");
    const auto accepted = parser_->get()[http::field::accept_encoding];
    if (!accepts_gzip({accepted.data(), accepted.size()})) return;
    std::string packed = gzip(response_.body());
    if (packed.empty()) return;
    response_.body() = std::move(packed);
    response_.set(http::field::content_encoding, "gzip");
  }

  void write_file(HttpAnswer answer, bool last) {
    const auto range = parser_->get()[http::field::range];
    const FilePart part = choose_part({range.data(), range.size()}, std::move(answer.file));
    if (part.status == 416) answer.content_type = "text/plain";
    answer.status = part.status;
    file_response_ = {};
    set_head(file_response_, answer, last);
    file_response_.set(http::field::accept_ranges, "bytes");
    if (!part.content_range.empty()) {
      file_response_.set(http::field::content_range, part.content_range);
    }
    file_response_.body() = part;
    file_response_.prepare_payload();
    serializer_.emplace(file_response_);
    to_renew_ = 0;
    write_some_of_file(last);
  }

  // The time limit starts again with every piece of the file, however large the file is.
  void write_some_of_file(bool last) {
    if (to_renew_ <= 0) {
      to_renew_ = kFilePieceBytes;
      expire_after(shared_.answer_timeout);
    }
    http::async_write_some(stream_, *serializer_,
                           [self = this->shared_from_this(), last](error_code error, size_t bytes) {
                             self->to_renew_ -= static_cast<int64_t>(bytes);
                             if (error || self->serializer_->is_done()) {
                               self->serializer_.reset();
                               self->file_response_ = {};
                               return self->on_written(error, last);
                             }
                             self->write_some_of_file(last);
                           });
  }

  void on_written(error_code error, bool last) {
    if (error) return;
    if (last) return close();
    wait_for_request(shared_.idle_timeout);
  }

  void close() {
    tcp().expires_after(kLingerTimeout);
    if constexpr (std::is_same_v<Stream, PlainStream>) {
      close_tcp();
    } else {
      stream_.async_shutdown([self = this->shared_from_this()](error_code) { self->close_tcp(); });
    }
  }

  void close_tcp() {
    error_code ignored;
    tcp().socket().shutdown(Tcp::socket::shutdown_send, ignored);
    linger(kLingerBytesMax);
  }

  void linger(size_t bytes_left) {
    buffer_.clear();
    tcp().async_read_some(
        buffer_.prepare(kReadBytes),
        [self = this->shared_from_this(), bytes_left](error_code error, size_t bytes) {
          if (!error && bytes < bytes_left) self->linger(bytes_left - bytes);
        });
  }

  Stream stream_;
  const SessionShared& shared_;
  Admission::Place place_;
  beast::flat_buffer buffer_{kRequestHeadBytesMax * 2};
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string target_;
  RouteMatch match_;
  std::string peer_nonce_;  ///< of the other instance that asks; empty: none does
  http::response<http::string_body> response_;
  http::response<FilePartBody> file_response_;
  std::optional<http::response_serializer<FilePartBody>> serializer_;
  int64_t to_renew_ = 0;  ///< bytes to send until the time limit starts again
};

}  // namespace

void start_session(asio::io_context& context, int socket, bool is_v6, const SessionShared& shared,
                   Admission::Place place, const std::shared_ptr<asio::ssl::context>& tls) {
  Tcp::socket owned(asio::make_strand(context), is_v6 ? Tcp::v6() : Tcp::v4(), socket);
  if (tls == nullptr) {
    std::make_shared<Session<PlainStream>>(std::move(owned), shared, std::move(place))->run();
  } else {
    std::make_shared<Session<TlsStream>>(std::move(owned), shared, std::move(place), *tls)->run();
  }
}

}  // namespace millrace::engine
