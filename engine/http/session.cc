#include "engine/http/session.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/http/file_part.h"
#include "engine/http/gzip.h"
#include "engine/http/peer_proof.h"
#include "engine/http/request_gate.h"

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
constexpr const char* kEventStream = "text/event-stream";
/// After its deadline, for a promised answer to come.
constexpr std::chrono::milliseconds kPromiseSlack{1'000};
constexpr size_t kPackedBytesMin = 16 << 10;

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

/// The operation that is under way keeps a session alive; its strand keeps its handlers apart.
template <class Stream>
class Session final : public std::enable_shared_from_this<Session<Stream>>,
                      public LiveSession,
                      public EventWire {
 public:
  /// `tls`: nothing, or the settings of TLS.
  template <class... Tls>
  Session(Tcp::socket socket, const SessionShared& shared, Admission::Place place, Tls&... tls)
      : stream_(std::move(socket), tls...),
        shared_(shared),
        place_(std::move(place)),
        timer_(stream_.get_executor()) {
    shared_.show_connections();
  }
  ~Session() override {
    feed_.reset();
    shared_.sessions.remove(this);
    place_ = {};
    shared_.show_connections();
    shared_.leave_stream(std::move(stream_place_));
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void run() {
    if (!shared_.sessions.add(this->shared_from_this())) return;
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->begin(); });
  }
  void end() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] { self->end_now(); });
  }
  void close_now() override { drop(); }

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
    is_idle_ = true;
    stream_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = this->shared_from_this()](error_code error, size_t bytes) {
                              self->is_idle_ = false;
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
    if (std::optional<HttpAnswer> refusal = check()) return write(*std::move(refusal), true);
    if (parser_->is_done()) return answer();
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](error_code failed, size_t) {
                       if (!failed) return self->answer();
                       self->on_broken_body(failed);
                     });
  }

  void on_broken_body(error_code error) {
    const bool is_of_http = error.category() == make_error_code(http::error::bad_method).category();
    if (is_of_http && error != http::error::partial_message) refuse_malformed(error);
  }

  void refuse_malformed(error_code error) {
    shared_.count_refusal("malformed");
    unsigned status = 400;
    if (error == http::error::header_limit) status = 431;
    if (error == http::error::body_limit) status = 413;
    write(error_answer(status, "not a request that is served here: " + error.message()), true);
  }

  std::optional<HttpAnswer> check() {
    const auto& request = parser_->get();
    const auto target = request.target();
    target_.assign(target.data(), target.size());
    const auto host = request[http::field::host];
    RequestHead head{.target = target_,
                     .host = {host.data(), host.size()},
                     .hosts = request.count(http::field::host),
                     .is_old = request.version() <= 10,
                     .has_origin = request.count(http::field::origin) > 0,
                     .has_body = has_body(),
                     .length = parser_->content_length().value_or(0)};
    if (request.method() == http::verb::get) head.method = RequestHead::Method::kGet;
    if (request.method() == http::verb::head) head.method = RequestHead::Method::kHead;
    if (request.method() == http::verb::post) head.method = RequestHead::Method::kPost;
    std::optional<HttpAnswer> refused = check_head(head, shared_, is_reserved(), match_);
    if (!refused && match_.route != nullptr) parser_->body_limit(match_.route->body_bytes_max);
    return refused;
  }

  bool has_body() const { return parser_->chunked() || parser_->content_length().value_or(0) > 0; }

  void answer() {
    const bool last = !parser_->get().keep_alive() || is_reserved();
    if (match_.route == nullptr) return write(std::move(match_.refusal), last);
    HttpRequest request;
    request.body = std::move(parser_->get().body());
    HttpCaller caller = who_asks(request.body);
    if (caller.refusal) {
      count(caller.refusal->status);
      return write(*std::move(caller.refusal), last);
    }
    const auto now = std::chrono::steady_clock::now();
    request.deadline = now + shared_.answer_timeout;
    if (caller.wait) request.deadline = std::min(request.deadline, now + *caller.wait);
    request.rights = rights_ = caller.rights;
    request.caller = std::move(caller.name);
    peer_nonce_ = std::move(caller.nonce);
    const auto last_event = parser_->get()["Last-Event-ID"];
    request.last_event_id.assign(last_event.data(), last_event.size());
    const bool is_known = !request.caller.empty();
    if (match_.route->right == Right::kOperate && request.rights.has(Right::kOperate)) {
      spdlog::info("operation asked for path={} caller={}", match_.route->pattern,
                   is_known ? request.caller : "anonymous");
    }
    const auto deadline = request.deadline;
    HttpAnswer answer = answer_of(match_, std::move(request), is_known);
    count(answer.status);
    if (answer.later) return answer_later(std::move(answer.later), last);
    if (answer.promised) return answer_promised(answer.promised, deadline, last);
    write(std::move(answer), last);
  }

  HttpCaller who_asks(std::string_view body) const {
    const auto header = parser_->get()[http::field::authorization];
    const bool is_post = parser_->get().method() == http::verb::post;
    return identify(shared_, {header.data(), header.size()}, is_post ? "POST" : "GET", target_,
                    body);
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
    shared_.count_refusal("waiting");
    write(error_answer(503, "too many requests wait for other instances"), last);
  }

  /// The timer keeps the session until the answer is there.
  void answer_promised(const std::function<void(std::function<void(HttpAnswer)>)>& start,
                       std::chrono::steady_clock::time_point deadline, bool last) {
    tcp().expires_never();
    const auto keep = std::make_shared<bool>(true);  // whether the answer is still wanted
    const auto give = [this, keep, last](HttpAnswer answer) {
      if (std::exchange(*keep, false)) write(std::move(answer), last);
    };
    const auto left = deadline + kPromiseSlack - std::chrono::steady_clock::now();
    call_in(std::chrono::ceil<std::chrono::milliseconds>(left),
            [give] { give(error_answer(503, "the answer did not come in time")); });
    start([this, post = poster(), give](HttpAnswer answer) {
      post([this, give, answer = std::move(answer)] {
        timer_.cancel();
        give(answer);
      });
    });
  }

  void send(std::string bytes, std::chrono::milliseconds limit,
            std::function<void(bool)> done) override {
    pieces_ = is_chunked_ ? fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes) : std::move(bytes);
    tcp().expires_after(limit);
    asio::async_write(stream_, asio::buffer(pieces_),
                      [self = this->shared_from_this(), done](error_code error, size_t) {
                        if (error) self->drop();
                        done(!error);
                      });
  }
  void call_in(std::chrono::milliseconds pause, Work work) override {
    timer_.expires_after(pause);
    timer_.async_wait([self = this->shared_from_this(), work = std::move(work),
                       edition = ++timer_edition_](error_code error) {
      if (!error && edition == self->timer_edition_) work();
    });
  }
  std::function<void(Work)> poster() override {
    return [executor = stream_.get_executor(), weak = this->weak_from_this()](Work work) {
      asio::post(executor, [weak, work = std::move(work)] {
        if (const auto self = weak.lock()) work();
      });
    };
  }
  bool is_allowed() const override { return who_asks({}).rights == rights_; }
  void finish() override {
    if (!is_chunked_) return end_stream();
    // An empty chunk is the last.
    send({}, shared_.answer_timeout, [this](bool is_sent) {
      if (is_sent) end_stream();
    });
  }

  void write_events(HttpAnswer answer) {
    stream_place_ = shared_.enter_stream();
    if (stream_place_ == nullptr) {
      shared_.count_refusal("subscriptions");
      return write(error_answer(503, "all streams are taken (query.subscriptions.max)"), false);
    }
    is_chunked_ = parser_->get().version() > 10;
    head_ = {};
    answer.content_type = kEventStream;
    set_head(head_, answer, true);
    head_.chunked(is_chunked_);
    write_head([self = this->shared_from_this(), source = std::move(answer.events)] {
      const SessionShared& shared = self->shared_;
      self->tcp().expires_never();
      self->watch_caller();
      self->feed_ =
          std::make_unique<EventFeed>(*self, shared.stream_waiters, source, shared.event_limits);
      self->is_ending_ ? self->feed_->end() : self->feed_->start();
    });
  }

  /// Notices that the caller has gone; he has nothing to say meanwhile.
  void watch_caller() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = this->shared_from_this()](error_code error, size_t) {
                              error ? self->drop() : self->watch_caller();
                            });
  }

  /// The caller ends the connection now; the read that is under way notices.
  void end_stream() {
    error_code ignored;
    tcp().socket().shutdown(Tcp::socket::shutdown_send, ignored);
    call_in(kLingerTimeout, [this] { drop(); });
  }

  void drop() {
    if (feed_ != nullptr) feed_->drop();
    timer_.cancel();
    tcp().close();
  }

  void end_now() {
    is_ending_ = true;
    if (feed_ != nullptr) return feed_->end();
    if (is_idle_) drop();
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
    last = last || is_ending_;
    if (answer.file != nullptr && !is_head) return write_file(std::move(answer), last);
    if (answer.events != nullptr && !is_head) return write_events(std::move(answer));
    response_ = {};
    if (answer.events != nullptr) answer.content_type = kEventStream;
    set_head(response_, answer, last);
    response_.body() = std::move(answer.body);
    if (answer.file == nullptr) pack_if_wanted();
    if (answer.events == nullptr) response_.prepare_payload();
    if (answer.file != nullptr) response_.content_length(answer.file->size());
    if (is_head) response_.body().clear();
    expire_after(shared_.answer_timeout);
    auto sent = [self = this->shared_from_this(), last, held = std::move(answer.held)](
                    error_code error, size_t) { self->on_written(error, last); };
    http::async_write(stream_, response_, std::move(sent));
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
    file_part_ = choose_part({range.data(), range.size()}, std::move(answer.file));
    if (file_part_.status == 416) answer.content_type = "text/plain";
    answer.status = file_part_.status;
    head_ = {};
    set_head(head_, answer, last);
    head_.set(http::field::accept_ranges, "bytes");
    if (!file_part_.content_range.empty()) {
      head_.set(http::field::content_range, file_part_.content_range);
    }
    head_.content_length(file_part_.bytes);
    write_head([self = this->shared_from_this(), last] { self->write_piece_of_file(last); });
  }

  // The time limit starts again with every piece of the file, however large the file is.
  void write_piece_of_file(bool last) {
    if (Status read = take_piece(file_part_, pieces_); !read.ok()) {
      spdlog::warn("file not sent to its end: {}", read.message());
      return drop();
    }
    if (pieces_.empty()) {
      file_part_ = {};
      return on_written({}, last);
    }
    expire_after(shared_.answer_timeout);
    asio::async_write(stream_, asio::buffer(pieces_),
                      [self = this->shared_from_this(), last](error_code error, size_t) {
                        if (!error) self->write_piece_of_file(last);
                      });
  }

  /// Sends `head_` alone.
  void write_head(Work sent) {
    head_serializer_.emplace(head_);
    expire_after(shared_.answer_timeout);
    http::async_write_header(stream_, *head_serializer_,
                             [sent = std::move(sent)](error_code error, size_t) {
                               if (!error) sent();
                             });
  }

  void on_written(error_code error, bool last) {
    if (error) return;
    if (last || is_ending_) return close();
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
  Rights rights_;  ///< of the caller, as the request came
  asio::steady_timer timer_;
  uint64_t timer_edition_ = 0;
  http::response<http::empty_body> head_;  ///< of a file or a stream
  std::optional<http::response_serializer<http::empty_body>> head_serializer_;
  std::string pieces_;                  ///< of them, that are being sent
  FilePart file_part_;                  ///< not sent yet
  std::unique_ptr<EventFeed> feed_;     ///< null: no stream
  std::shared_ptr<void> stream_place_;  ///< among the streams
  bool is_chunked_ = false;
  bool is_idle_ = true;     ///< no request has begun
  bool is_ending_ = false;  ///< the server stops
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
