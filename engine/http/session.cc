#include "engine/http/session.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/http/file_part.h"
#include "engine/http/gzip.h"
#include "engine/http/peer_proof.h"
#include "engine/http/request_gate.h"
#include "engine/http/transport.h"

namespace millrace::engine {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr uint32_t kRequestHeadBytesMax = 16 << 10;
constexpr std::chrono::milliseconds kReservedTimeout{2'000};
constexpr const char* kRetryAfterS = "1";
constexpr const char* kEventStream = "text/event-stream";
/// After its deadline, for a promised answer to come.
constexpr std::chrono::milliseconds kPromiseSlack{1'000};
/// Of pages: they may load and ask this server only, run no script of their own text, and be framed
/// by nobody.
constexpr const char* kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr size_t kPackedBytesMin = 16 << 10;

/// The operation that is under way keeps a session alive; its strand keeps its handlers apart.
class Session final : public std::enable_shared_from_this<Session>,
                      public LiveSession,
                      public EventWire {
 public:
  Session(boost::asio::io_context& context, int socket, bool is_v6, const SessionShared& shared,
          Admission::Place place, Transport::Tls tls)
      : transport_(context, socket, is_v6, std::move(tls), kRequestHeadBytesMax * 2),
        shared_(shared),
        place_(std::move(place)) {
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
    if (!shared_.sessions.add(shared_from_this())) return;
    transport_.post([self = shared_from_this()] { self->begin(); });
  }
  void end() override {
    transport_.post([self = shared_from_this()] { self->end_now(); });
  }
  void close_now() override { drop(); }

 private:
  void begin() {
    if (!transport_.is_secure()) return wait_for_request(shared_.request_timeout);
    expire_after(shared_.request_timeout);
    transport_.handshake([self = shared_from_this()](error_code error, size_t) {
      if (error) return self->shared_.count_refusal("tls");
      self->wait_for_request(self->shared_.request_timeout);
    });
  }

  bool is_reserved() const { return place_.entry() == Admission::Entry::kReserved; }

  void expire_after(std::chrono::milliseconds timeout) {
    transport_.expire_after(is_reserved() ? std::min(timeout, kReservedTimeout) : timeout);
  }

  /// A connection may be idle for longer than a request may take to arrive.
  void wait_for_request(std::chrono::milliseconds timeout) {
    if (transport_.has_unread()) return read_head();
    expire_after(timeout);
    is_idle_ = true;
    transport_.receive([self = shared_from_this()](error_code error, size_t) {
      self->is_idle_ = false;
      if (!error) self->read_head();  // else the peer closed, or let the time pass
    });
  }

  void read_head() {
    match_ = {};
    peer_nonce_.clear();
    parser_.emplace();
    parser_->header_limit(kRequestHeadBytesMax);
    parser_->body_limit(shared_.routes.body_bytes_max());
    expire_after(shared_.request_timeout);
    transport_.read(
        *parser_, Transport::Until::kHead,
        [self = shared_from_this()](error_code error, size_t) { self->on_head(error); });
  }

  void on_head(error_code error) {
    if (error && error.category() != http::make_error_code(http::error::bad_method).category()) {
      return;
    }
    if (error == http::error::end_of_stream) return transport_.linger(shared_from_this());
    if (error) return refuse_malformed(error);
    if (std::optional<HttpAnswer> refusal = check()) return write(*std::move(refusal), true);
    if (parser_->is_done()) return answer();
    transport_.read(*parser_, Transport::Until::kEnd,
                    [self = shared_from_this()](error_code failed, size_t) {
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
    transport_.expire_never();
    const bool is_taken = shared_.waiters.run([self = shared_from_this(), make, last] {
      HttpAnswer answer = answer_or_error(*self->match_.route, make);
      self->transport_.post([self, last, answer = std::move(answer)]() mutable {
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
    transport_.expire_never();
    const auto keep = std::make_shared<bool>(true);  // whether the answer is still wanted
    const auto give = [this, keep, last](HttpAnswer answer) {
      if (std::exchange(*keep, false)) write(std::move(answer), last);
    };
    const auto left = deadline + kPromiseSlack - std::chrono::steady_clock::now();
    call_in(std::chrono::ceil<std::chrono::milliseconds>(left),
            [give] { give(error_answer(503, "the answer did not come in time")); });
    start([this, post = poster(), give](HttpAnswer answer) {
      post([this, give, answer = std::move(answer)] {
        transport_.cancel_call();
        give(answer);
      });
    });
  }

  void send(std::string bytes, std::chrono::milliseconds limit,
            std::function<void(bool)> done) override {
    pieces_ = is_chunked_ ? fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes) : std::move(bytes);
    transport_.expire_after(limit);
    transport_.write({}, pieces_,
                     [self = shared_from_this(), done = std::move(done)](error_code error, size_t) {
                       if (error) self->drop();
                       done(!error);
                     });
  }
  void call_in(std::chrono::milliseconds pause, Work work) override {
    transport_.call_in(pause, [self = shared_from_this(), work = std::move(work)] { work(); });
  }
  std::function<void(Work)> poster() override {
    return [post = transport_.poster(), weak = weak_from_this()](Work work) {
      post([weak, work = std::move(work)] {
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
    answer.content_type = kEventStream;
    set_head(answer, true);
    response_.chunked(is_chunked_);
    write_response([self = shared_from_this(), source = std::move(answer.events)] {
      const SessionShared& shared = self->shared_;
      self->transport_.expire_never();
      self->watch_caller();
      self->feed_ =
          std::make_unique<EventFeed>(*self, shared.stream_waiters, source, shared.event_limits);
      self->is_ending_ ? self->feed_->end() : self->feed_->start();
    });
  }

  /// Notices that the caller has gone; he has nothing to say meanwhile.
  void watch_caller() {
    transport_.forget_unread();
    transport_.receive([self = shared_from_this()](error_code error, size_t) {
      error ? self->drop() : self->watch_caller();
    });
  }

  /// The caller ends the connection now; the read that is under way notices.
  void end_stream() {
    transport_.end_writing();
    call_in(Transport::kLingerTimeout, [this] { drop(); });
  }

  void drop() {
    if (feed_ != nullptr) feed_->drop();
    transport_.cancel_call();
    transport_.close();
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

  void set_head(const HttpAnswer& answer, bool last) {
    response_ = {};
    response_.result(answer.status);
    response_.set(http::field::content_type, answer.content_type);
    response_.set(http::field::cache_control, "no-store");
    response_.set("X-Content-Type-Options", "nosniff");
    if (answer.content_type.starts_with("text/html")) {
      response_.set("Content-Security-Policy", kPagePolicy);
      response_.set("Referrer-Policy", "no-referrer");
    }
    if (!answer.allow.empty()) response_.set(http::field::allow, answer.allow);
    if (!answer.position.empty()) response_.set(kPositionHeader, answer.position);
    if (!peer_nonce_.empty() && answer.file == nullptr) {
      response_.set(kPeerProofHeader,
                    prove_answer(*shared_.peer_key, peer_nonce_, answer.status, answer.body));
    }
    if (response_.result() == http::status::unauthorized) {
      response_.set(http::field::www_authenticate, "Bearer");
    }
    if (response_.result() == http::status::service_unavailable) {
      response_.set(http::field::retry_after, kRetryAfterS);
    }
    response_.keep_alive(!last);
  }

  void write(HttpAnswer answer, bool last) {
    const bool is_head = parser_->get().method() == http::verb::head;
    last = last || is_ending_;
    if (answer.file != nullptr && !is_head) return write_file(std::move(answer), last);
    if (answer.events != nullptr && !is_head) return write_events(std::move(answer));
    if (answer.events != nullptr) answer.content_type = kEventStream;
    set_head(answer, last);
    response_.body() = std::move(answer.body);
    if (answer.file == nullptr) pack_if_wanted();
    if (answer.events == nullptr) response_.prepare_payload();
    if (answer.file != nullptr) response_.content_length(answer.file->size());
    if (is_head) response_.body().clear();
    write_response([self = shared_from_this(), last, held = std::move(answer.held)] {
      self->on_written(last);
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
    file_part_ = choose_part({range.data(), range.size()}, std::move(answer.file));
    if (file_part_.status == 416) answer.content_type = "text/plain";
    answer.status = file_part_.status;
    set_head(answer, last);
    response_.set(http::field::accept_ranges, "bytes");
    if (!file_part_.content_range.empty()) {
      response_.set(http::field::content_range, file_part_.content_range);
    }
    response_.content_length(file_part_.bytes);
    write_response([self = shared_from_this(), last] { self->write_piece_of_file(last); });
  }

  // The time limit starts again with every piece of the file, however large the file is.
  void write_piece_of_file(bool last) {
    if (Status read = take_piece(file_part_, pieces_); !read.ok()) {
      spdlog::warn("file not sent to its end: {}", read.message());
      return drop();
    }
    if (pieces_.empty()) {
      file_part_ = {};
      return on_written(last);
    }
    expire_after(shared_.answer_timeout);
    transport_.write({}, pieces_, [self = shared_from_this(), last](error_code error, size_t) {
      if (!error) self->write_piece_of_file(last);
    });
  }

  void write_response(Work sent) {
    using Head = http::fields::writer;
    head_ = beast::buffers_to_string(
        Head(response_, response_.version(), response_.result_int()).get());
    expire_after(shared_.answer_timeout);
    transport_.write(head_, response_.body(), [sent = std::move(sent)](error_code error, size_t) {
      if (!error) sent();
    });
  }

  void on_written(bool last) {
    if (last || is_ending_) return transport_.linger(shared_from_this());
    wait_for_request(shared_.idle_timeout);
  }

  Transport transport_;
  const SessionShared& shared_;
  Admission::Place place_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string target_;
  RouteMatch match_;
  std::string peer_nonce_;  ///< of the other instance that asks; empty: none does
  http::response<http::string_body> response_;
  Rights rights_;                       ///< of the caller, as the request came
  std::string head_;                    ///< of the response, as it is sent
  std::string pieces_;                  ///< of a file or a stream, that are being sent
  FilePart file_part_;                  ///< not sent yet
  std::unique_ptr<EventFeed> feed_;     ///< null: no stream
  std::shared_ptr<void> stream_place_;  ///< among the streams
  bool is_chunked_ = false;
  bool is_idle_ = true;     ///< no request has begun
  bool is_ending_ = false;  ///< the server stops
};

}  // namespace

void start_session(boost::asio::io_context& context, int socket, bool is_v6,
                   const SessionShared& shared, Admission::Place place,
                   const std::shared_ptr<boost::asio::ssl::context>& tls) {
  std::make_shared<Session>(context, socket, is_v6, shared, std::move(place), tls)->run();
}

}  // namespace millrace::engine
