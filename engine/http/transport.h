#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/system/error_code.hpp>

namespace boost {
namespace asio {
class io_context;
namespace ssl {
class context;
}
}  // namespace asio
namespace beast::http {
template <bool isRequest>
class basic_parser;
}
}  // namespace boost

namespace millrace::engine {

/// One end of a connection that carries HTTP/1.1, in the clear or over TLS. Its source alone has
/// the operations of Asio and Beast, each for one type of stream and one of handler: a compiler
/// takes seconds for every further pair of these.
///
/// An operation returns at once and calls its function later, on the strand of the connection. The
/// function keeps the owner of the transport alive. One read and one write may be under way at a
/// time. Not thread-safe: all calls are on the strand, except of `post`.
class Transport {
 public:
  using Done = std::function<void(boost::system::error_code error, size_t bytes)>;
  using Work = std::function<void()>;
  using Tls = std::shared_ptr<boost::asio::ssl::context>;
  template <bool kIsRequest>
  using Parser = boost::beast::http::basic_parser<kIsRequest>;
  enum class Until : unsigned char {
    kSome,  ///< the parser took something
    kHead,  ///< it has the head
    kEnd    ///< it has the whole message
  };

  /// For the peer to stop sending when a connection ends.
  static constexpr std::chrono::milliseconds kLingerTimeout{1'000};

  /// A server's end; takes over the descriptor of the socket. Null `tls`: in the clear. The unread
  /// bytes are `buffer_bytes_max` at most.
  Transport(boost::asio::io_context& context, int socket, bool is_v6, Tls tls,
            size_t buffer_bytes_max);
  /// A client's end, which does not reach its server yet.
  Transport(boost::asio::io_context& context, Tls tls, size_t buffer_bytes_max);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  bool is_secure() const;
  /// The operations from now on fail when `limit` is over.
  void expire_after(std::chrono::milliseconds limit);
  void expire_never();

  /// Finds the addresses of a client's server; no limit of time but `cancel`.
  void resolve(const std::string& host, uint16_t port, Done done);
  /// Connects a client to one of these.
  void connect(Done done);
  /// Takes a certificate for `host` only, and names it to the server. False: it is no name.
  /// REQUIRES: `is_secure()`.
  bool expect_certificate(const std::string& host);
  /// The handshake of TLS. REQUIRES: `is_secure()`.
  void handshake(Done done);
  /// Why a handshake that failed with `error` did not believe the peer; empty: another fault.
  std::string distrust(boost::system::error_code error) const;

  /// Whether it received bytes that no `read` took.
  bool has_unread() const;
  void forget_unread();
  /// Receives some bytes for a later `read`. REQUIRES: `!has_unread()`.
  void receive(Done done);
  /// Receives what `parser` wants; both live until `done`.
  template <bool kIsRequest>
  void read(Parser<kIsRequest>& parser, Until until, Done done);
  /// Sends `head` and `body`, which live until `done`.
  void write(std::string_view head, std::string_view body, Done done);

  /// The peer sees the end of what is sent.
  void end_writing();
  /// Ends the writing and discards for a while what the peer still sends: the reset of the
  /// connection would take the last answer from him. Keeps `owner` meanwhile.
  void linger(const std::shared_ptr<void>& owner);
  /// The operations that are under way fail.
  void cancel();
  /// Closes the socket besides.
  void close();

  /// Runs `work` on the strand.
  void post(Work work);
  /// A function that does so for any thread, also after the transport has gone.
  std::function<void(Work)> poster() const;
  /// Runs `work` on the strand then, instead of what the last call said.
  void call_in(std::chrono::milliseconds pause, Work work);
  void cancel_call();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::engine
