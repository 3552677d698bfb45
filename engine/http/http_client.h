#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "millrace/core/result.h"

#include "engine/http/tls.h"

namespace millrace::engine {

struct HttpTimeouts {
  int64_t connect_ms = 3'000;
  int64_t piece_ms = 10'000;  ///< for the head of an answer, and for every 64 KiB of its body
};

/// The sentence in an answer's `{"error": …}`.
std::string error_in(const std::string& body);

/// One connection to an HTTP/1.1 server, kept over requests. A call blocks its thread; a stop ends
/// it early. Not thread-safe.
///
/// Errors of `get`: `kRetriable`: the connection broke; `kTimedOut`: no answer; `kAborted`: asked
/// to stop; `kInvalidRecord`: the peer does not speak HTTP; `kInvalidArgument`: a header would be
/// too long; those of the caller's functions.
class HttpClient {
 public:
  struct Request {
    std::string target{};         ///< path and query
    uint64_t offset = 0;          ///< asks for the body's bytes from there on
    std::string method = "GET";   ///< or "POST"
    std::string body{};           ///< of a POST
    std::string authorization{};  ///< the header; empty: none
    uint64_t body_bytes_max = 0;  ///< of the answer
    int64_t wait_ms = 0;          ///< instead of `HttpTimeouts::piece_ms`; 0: that
    std::string last_event_id{};  ///< the header; empty: none
    bool is_stream = false;       ///< passes on bytes as they come, without end
  };
  struct Head {
    unsigned status = 0;
    std::optional<uint64_t> content_length;
    std::string content_range;
    std::string peer_proof;  ///< see peer_proof.h; empty: none
    std::string position;    ///< see `kPositionHeader`; empty: none
  };
  /// Refuses an answer before its body is read.
  using CheckHead = std::function<Status(const Head& head)>;
  /// Takes the body piece by piece. A piece dies when the call returns.
  using Sink = std::function<Status(std::string_view bytes)>;

  /// `endpoint` is "host:port", also "[::1]:port"; "https://host:port" asks over TLS, for which it
  /// needs `tls`. Connects with the first request. Error: `kInvalidArgument`.
  static Result<std::unique_ptr<HttpClient>> open(std::string endpoint, HttpTimeouts timeouts,
                                                  std::stop_token stop,
                                                  std::shared_ptr<TlsSettings> tls = nullptr);
  ~HttpClient();

  Status get(const Request& request, const CheckHead& check, const Sink& sink);

 private:
  class Connection;
  explicit HttpClient(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
};

}  // namespace millrace::engine
