#include "millrace/engine/query_server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "engine/queries/query_server_file.h"
#include "engine/queries/query_server_router.h"
#include "engine/secrets/bearer.h"

namespace millrace {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;

constexpr uint32_t kHeadBytesMax = 8 << 10;
constexpr int kConnectionsMax = 256;
constexpr std::chrono::seconds kTimeout{10};
constexpr std::chrono::milliseconds kAcceptPause{100};

/// A Beast body that reads its file while Beast sends it, a piece at a time.
struct FilePartBody {
  using value_type = engine::FilePart;
  static uint64_t size(const engine::FilePart& part) { return part.bytes; }

  class writer {  // NOLINT(readability-identifier-naming): Beast's name
   public:
    using const_buffers_type = asio::const_buffer;  // NOLINT: Beast's name

    template <bool IsRequest, class Fields>
    writer(const http::header<IsRequest, Fields>&, const engine::FilePart& part)
        : part_(part), buffer_(new char[engine::kFilePieceBytes]) {}

    void init(error_code& error) { error = {}; }

    boost::optional<std::pair<const_buffers_type, bool>> get(error_code& error) {
      error = {};
      const uint64_t left = part_.bytes - sent_;
      if (left == 0) return boost::none;
      const size_t wanted = std::min<uint64_t>(left, engine::kFilePieceBytes);
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
    const engine::FilePart& part_;
    std::unique_ptr<char[]> buffer_;
    uint64_t sent_ = 0;
  };
};

/// One connection: reads a request, answers it, reads the next. The operation that is under way
/// keeps it alive; its strand keeps its handlers apart.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Tcp::socket socket, const engine::Router& router, const std::string& token,
             std::atomic<int>& connections)
      : stream_(std::move(socket)), router_(router), token_(token), connections_(connections) {
    ++connections_;
  }
  ~Connection() { --connections_; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void run() {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->read(); });
  }

 private:
  void read() {
    parser_.emplace();
    parser_->header_limit(kHeadBytesMax);
    parser_->body_limit(0);
    stream_.expires_after(kTimeout);
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, size_t) { self->on_read(error); });
  }

  void on_read(error_code error) {
    if (error && error.category() != http::make_error_code(http::error::bad_method).category()) {
      return;  // the peer closed, or let the time pass
    }
    if (error == http::error::end_of_stream) return close();
    if (error) return write(error_answer(400, "not a request that is served here"), true);
    const auto& request = parser_->get();
    const bool keep = request.keep_alive();
    const bool is_post = request.method() == http::verb::post;
    if (!is_post && request.method() != http::verb::get && request.method() != http::verb::head) {
      return write(error_answer(405, "only GET and POST are served here"), true);
    }
    // A browser names the origin of the page that makes it post.
    if (is_post && request.count(http::field::origin) > 0) {
      return write(error_answer(403, "web pages may not change anything here"), true);
    }
    const auto target = request.target();
    write(router_.answer(is_post ? HttpMethod::kPost : HttpMethod::kGet,
                         {target.data(), target.size()}, is_trusted()),
          !keep);
  }

  bool is_trusted() const {
    const auto given = parser_->get()[http::field::authorization];
    return !token_.empty() && engine::is_bearer_of({given.data(), given.size()}, token_);
  }

  template <class Body>
  static void set_head(http::response<Body>& response, const HttpAnswer& answer, bool last) {
    response.result(answer.status);
    response.set(http::field::content_type, answer.content_type);
    response.set("X-Content-Type-Options", "nosniff");
    if (response.result() == http::status::unauthorized) {
      response.set(http::field::www_authenticate, "Bearer");
    }
    response.keep_alive(!last);
  }

  void write(HttpAnswer answer, bool last) {
    const bool is_head = parser_->get().method() == http::verb::head;
    if (answer.file != nullptr && !is_head) return write_file(std::move(answer), last);
    response_ = {};
    set_head(response_, answer, last);
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    if (answer.file != nullptr) response_.content_length(answer.file->size());
    if (is_head) response_.body().clear();
    stream_.expires_after(kTimeout);
    http::async_write(stream_, response_,
                      [self = shared_from_this(), last](error_code error, size_t) {
                        self->on_written(error, last);
                      });
  }

  void write_file(HttpAnswer answer, bool last) {
    const auto range = parser_->get()[http::field::range];
    const engine::FilePart part =
        engine::choose_part({range.data(), range.size()}, std::move(answer.file));
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
      to_renew_ = engine::kFilePieceBytes;
      stream_.expires_after(kTimeout);
    }
    http::async_write_some(stream_, *serializer_,
                           [self = shared_from_this(), last](error_code error, size_t bytes) {
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
    read();
  }

  void close() {
    error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  const engine::Router& router_;
  const std::string& token_;
  std::atomic<int>& connections_;
  beast::flat_buffer buffer_{kHeadBytesMax * 2};
  std::optional<http::request_parser<http::empty_body>> parser_;
  http::response<http::string_body> response_;
  http::response<FilePartBody> file_response_;
  std::optional<http::response_serializer<FilePartBody>> serializer_;
  int64_t to_renew_ = 0;  ///< bytes to send until the time limit starts again
};

}  // namespace

struct QueryServer::Impl {
  explicit Impl(QueryServerOptions chosen)
      : options(std::move(chosen)), acceptor(context), pause(context) {}

  void accept() {
    acceptor.async_accept(asio::make_strand(context), [this](error_code error, Tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) {
        // Out of descriptors, most likely: trying at once would spin.
        pause.expires_after(kAcceptPause);
        pause.async_wait([this](error_code aborted) {
          if (!aborted) accept();
        });
        return;
      }
      if (connections < kConnectionsMax) {
        std::make_shared<Connection>(std::move(socket), router, options.token, connections)->run();
      }
      accept();
    });
  }

  Status listen() {
    error_code error;
    const asio::ip::address address = asio::ip::make_address(
        options.host == "localhost" ? std::string("127.0.0.1") : options.host, error);
    const Tcp::endpoint endpoint(address,
                                 static_cast<uint16_t>(options.port < 0 ? 0 : options.port));
    if (!error) acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error) return {};
    return Error{ErrorCode::kConfig,
                 fmt::format("query server: cannot listen on {} port {}: {} (query.host takes an "
                             "IP address)",
                             options.host, options.port, error.message())};
  }

  const QueryServerOptions options;
  engine::Router router;
  std::atomic<int> connections = 0;  // outlives the sessions that `context` holds
  asio::io_context context;
  Tcp::acceptor acceptor;
  asio::steady_timer pause;
  std::vector<std::thread> threads;
};

QueryServer::QueryServer(QueryServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

QueryServer::~QueryServer() {
  stop();
}

void QueryServer::route(HttpMethod method, std::string_view pattern, Handler handler) {
  impl_->router.add(method, pattern, std::move(handler));
}

Result<int> QueryServer::start() {
  MILLRACE_RETURN_IF_ERROR(impl_->listen());
  const int port = impl_->acceptor.local_endpoint().port();
  impl_->accept();
  for (int i = 0; i < impl_->options.threads; ++i) {
    impl_->threads.emplace_back([this] { impl_->context.run(); });
  }
  spdlog::info("query server listens url=http://{}:{}", impl_->options.host, port);
  return port;
}

void QueryServer::stop() {
  impl_->context.stop();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

}  // namespace millrace
