#include "engine/http/transport.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>

#include "engine/base/endpoint.h"

namespace millrace::engine {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Pieces = std::array<asio::const_buffer, 2>;

constexpr size_t kReceivedBytes = 4 << 10;
constexpr size_t kTlsRecordBytes = 16 << 10;
constexpr size_t kLingerBytesMax = 1 << 20;

/// An operation that consists of others is a handler of its own type, which can be moved only.
template <class Handler>
Transport::Done erased(Handler&& handler) {
  if constexpr (std::is_same_v<std::decay_t<Handler>, Transport::Done>) {
    return std::forward<Handler>(handler);
  } else {
    return [held = std::make_shared<std::decay_t<Handler>>(std::forward<Handler>(handler))](
               error_code error, size_t bytes) { (*held)(error, bytes); };
  }
}

/// The first two that are not empty.
template <class Buffers>
Pieces first_two(const Buffers& buffers) {
  Pieces pieces;
  size_t count = 0;
  const auto end = asio::buffer_sequence_end(buffers);
  for (auto next = asio::buffer_sequence_begin(buffers); next != end; ++next) {
    const asio::const_buffer piece(*next);
    if (piece.size() > 0) pieces[count++] = piece;
    if (count == pieces.size()) break;
  }
  return pieces;
}

/// A connection in the clear. It has one type of buffers and handlers below it.
class Wire {
 public:
  using lowest_layer_type = Tcp::socket;
  using executor_type = Tcp::socket::executor_type;

  explicit Wire(Tcp::socket socket) : stream_(std::move(socket)) {}

  beast::tcp_stream& stream() { return stream_; }
  lowest_layer_type& lowest_layer() { return stream_.socket(); }
  executor_type get_executor() { return stream_.get_executor(); }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    stream_.async_read_some(asio::mutable_buffer(*asio::buffer_sequence_begin(buffers)),
                            erased(std::forward<Handler>(handler)));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    stream_.async_write_some(first_two(buffers), erased(std::forward<Handler>(handler)));
  }

 private:
  beast::tcp_stream stream_;
};

/// Asio's own limit is 64 KiB at a time.
struct AllAtOnce {
  size_t operator()(error_code error, size_t) const {
    return error ? 0 : std::numeric_limits<size_t>::max();
  }
};

}  // namespace

/// The stream, as the operations of Asio and Beast see it: one type, with TLS or without.
struct Transport::Impl {
  using executor_type = Wire::executor_type;

  Impl(Tcp::socket socket, Tls chosen, size_t buffer_bytes_max, bool serves)
      : is_server(serves),
        tls(std::move(chosen)),
        wire(std::move(socket)),
        timer(wire.get_executor()),
        buffer(buffer_bytes_max) {
    if (tls != nullptr) secure.emplace(wire, *tls);
  }

  beast::tcp_stream& tcp() { return wire.stream(); }
  executor_type get_executor() { return wire.get_executor(); }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    const asio::mutable_buffer bytes(*asio::buffer_sequence_begin(buffers));
    Done done = erased(std::forward<Handler>(handler));
    if (secure) return secure->async_read_some(bytes, std::move(done));
    wire.async_read_some(bytes, std::move(done));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    const Pieces pieces = first_two(buffers);
    Done done = erased(std::forward<Handler>(handler));
    if (secure) return secure->async_write_some(gathered(pieces), std::move(done));
    wire.async_write_some(pieces, std::move(done));
  }

  /// TLS makes a record of one buffer at most, so a head would go alone.
  asio::const_buffer gathered(const Pieces& pieces) {
    if (pieces[1].size() == 0) return pieces[0];
    record.resize(std::min(asio::buffer_size(pieces), kTlsRecordBytes));
    asio::buffer_copy(asio::buffer(record), pieces);
    return asio::buffer(record);
  }

  /// Below TLS, which has ended.
  void discard(const std::shared_ptr<void>& owner, size_t bytes_left) {
    buffer.clear();
    wire.async_read_some(buffer.prepare(kReceivedBytes),
                         Done([this, owner, bytes_left](error_code error, size_t bytes) {
                           if (!error && bytes < bytes_left) discard(owner, bytes_left - bytes);
                         }));
  }

  const bool is_server;
  const Tls tls;  ///< null: in the clear
  Wire wire;
  std::optional<asio::ssl::stream<Wire&>> secure;
  std::string record;
  asio::steady_timer timer;
  uint64_t calls = 0;
  beast::flat_buffer buffer;
  std::optional<Tcp::resolver> resolver;
  std::vector<Tcp::endpoint> addresses;
};

Transport::Transport(asio::io_context& context, int socket, bool is_v6, Tls tls,
                     size_t buffer_bytes_max)
    : impl_(std::make_unique<Impl>(
          Tcp::socket(asio::make_strand(context), is_v6 ? Tcp::v6() : Tcp::v4(), socket),
          std::move(tls), buffer_bytes_max, true)) {}

Transport::Transport(asio::io_context& context, Tls tls, size_t buffer_bytes_max)
    : impl_(std::make_unique<Impl>(Tcp::socket(context), std::move(tls), buffer_bytes_max, false)) {
  // Beast reads what there is room for, which would be 512 bytes: a seventh of the speed.
  impl_->buffer.reserve(buffer_bytes_max);
}

Transport::~Transport() = default;

bool Transport::is_secure() const {
  return impl_->secure.has_value();
}

void Transport::expire_after(std::chrono::milliseconds limit) {
  impl_->tcp().expires_after(limit);
}

void Transport::expire_never() {
  impl_->tcp().expires_never();
}

void Transport::resolve(const std::string& host, uint16_t port, Done done) {
  error_code no_address;
  const auto address = asio::ip::make_address(host, no_address);
  if (!no_address) {
    impl_->addresses.assign(1, {address, port});
    return post([done = std::move(done)] { done({}, 0); });
  }
  impl_->resolver.emplace(impl_->get_executor());
  impl_->resolver->async_resolve(host, std::to_string(port),
                                 [impl = impl_.get(), done = std::move(done)](
                                     error_code error, const Tcp::resolver::results_type& found) {
                                   for (const auto& entry : found)
                                     impl->addresses.push_back(entry.endpoint());
                                   done(error, 0);
                                 });
}

void Transport::connect(Done done) {
  impl_->tcp().async_connect(
      impl_->addresses,
      [done = std::move(done)](error_code error, const Tcp::endpoint&) { done(error, 0); });
}

bool Transport::expect_certificate(const std::string& host) {
  impl_->secure->set_verify_callback(asio::ssl::host_name_verification(host));
  return is_ip_address(host) ||
         SSL_set_tlsext_host_name(impl_->secure->native_handle(), host.c_str()) == 1;
}

void Transport::handshake(Done done) {
  using Side = asio::ssl::stream_base;
  impl_->secure->async_handshake(impl_->is_server ? Side::server : Side::client,
                                 [done = std::move(done)](error_code error) { done(error, 0); });
}

std::string Transport::distrust(error_code error) const {
  if (error.category() != asio::error::get_ssl_category()) return {};
  const long verified = SSL_get_verify_result(impl_->secure->native_handle());
  return verified == X509_V_OK ? error.message() : X509_verify_cert_error_string(verified);
}

bool Transport::has_unread() const {
  return impl_->buffer.size() > 0;
}

void Transport::forget_unread() {
  impl_->buffer.clear();
}

void Transport::receive(Done done) {
  impl_->async_read_some(
      impl_->buffer.prepare(kReceivedBytes),
      Done([impl = impl_.get(), done = std::move(done)](error_code error, size_t bytes) {
        if (!error) impl->buffer.commit(bytes);
        done(error, bytes);
      }));
}

template <bool kIsRequest>
void Transport::read(Parser<kIsRequest>& parser, Until until, Done done) {
  if (until == Until::kHead) {
    http::async_read_header(*impl_, impl_->buffer, parser, std::move(done));
  } else if (until == Until::kEnd) {
    http::async_read(*impl_, impl_->buffer, parser, std::move(done));
  } else {
    http::async_read_some(*impl_, impl_->buffer, parser, std::move(done));
  }
}

template void Transport::read(Parser<true>& parser, Until until, Done done);
template void Transport::read(Parser<false>& parser, Until until, Done done);

void Transport::write(std::string_view head, std::string_view body, Done done) {
  const std::array<asio::const_buffer, 2> bytes{asio::const_buffer(head.data(), head.size()),
                                                asio::const_buffer(body.data(), body.size())};
  asio::async_write(*impl_, bytes, AllAtOnce(), std::move(done));
}

void Transport::end_writing() {
  error_code ignored;
  impl_->tcp().socket().shutdown(Tcp::socket::shutdown_send, ignored);
}

void Transport::linger(const std::shared_ptr<void>& owner) {
  expire_after(kLingerTimeout);
  auto end = [this, owner](error_code) {
    end_writing();
    impl_->discard(owner, kLingerBytesMax);
  };
  if (!is_secure()) return end({});
  impl_->secure->async_shutdown(std::move(end));
}

void Transport::cancel() {
  if (impl_->resolver) impl_->resolver->cancel();
  impl_->tcp().cancel();
}

void Transport::close() {
  impl_->tcp().close();
}

void Transport::post(Work work) {
  asio::post(impl_->get_executor(), std::move(work));
}

std::function<void(Transport::Work)> Transport::poster() const {
  return [executor = impl_->get_executor()](Work work) { asio::post(executor, std::move(work)); };
}

void Transport::call_in(std::chrono::milliseconds pause, Work work) {
  impl_->timer.expires_after(pause);
  impl_->timer.async_wait(
      [impl = impl_.get(), work = std::move(work), edition = ++impl_->calls](error_code error) {
        if (!error && edition == impl->calls) work();
      });
}

void Transport::cancel_call() {
  impl_->timer.cancel();
}

}  // namespace millrace::engine
