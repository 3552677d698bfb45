#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/core/topology.h"

namespace millrace {

class Engine;
namespace engine {
class File;
}

enum class HttpMethod : unsigned char {
  kGet,   ///< HEAD too
  kPost,  ///< changes something; refused when a web page asks
};

/// A request, parsed and percent-decoded: it may contain any bytes.
struct HttpRequest {
  std::vector<std::string> arguments;             ///< for each `{…}` of the route, in order
  std::map<std::string, std::string> parameters;  ///< of the query string
  /// The caller has the server's bearer token, and so the right to see personal data.
  bool is_trusted = false;
};

struct HttpAnswer {
  unsigned status = 200;
  std::string body{};
  std::string content_type = "application/json";
  /// Instead of `body`: sent piece by piece, the part that the request's `Range: bytes=…` names.
  std::shared_ptr<const engine::File> file{};
};

/// 401, for a caller who needs to be trusted and is not.
HttpAnswer trust_needed();
/// `{"error": message}`; bytes of `message` that are not UTF-8 are replaced.
HttpAnswer error_answer(unsigned status, std::string_view message);
/// The status that fits the code (404 `kNotFound`, 503 `kRetriable`, …) with the error's message.
HttpAnswer error_answer(const Error& error);

struct QueryServerOptions {
  std::string host = "127.0.0.1";
  int port = -1;    ///< −1: any free port
  int threads = 4;  ///< requests answered at a time
  /// A caller with `Authorization: Bearer <token>` is trusted; empty: nobody is.
  std::string token{};
};

/// Answers requests over HTTP/1.1 with the handlers of its routes.
///
/// Bounded: 8 KiB of request head, no body, 256 connections (more are closed at once), 10 s for a
/// request to arrive or an answer (of a file: 64 KiB) to be taken, keep-alive included. Add routes,
/// then start once. Not thread-safe; handlers run on the server's threads, several at a time.
class QueryServer {
 public:
  using Handler = std::function<HttpAnswer(const HttpRequest&)>;

  explicit QueryServer(QueryServerOptions options);
  ~QueryServer();  ///< stops
  QueryServer(const QueryServer&) = delete;
  QueryServer& operator=(const QueryServer&) = delete;

  /// Answers paths like `pattern`, e.g. "/v1/accounts/{id}", where `{…}` stands for one non-empty
  /// segment. The first route that fits wins. An exception of the handler gives a 500.
  void route(std::string_view pattern, Handler handler) {
    route(HttpMethod::kGet, pattern, std::move(handler));
  }
  void route(HttpMethod method, std::string_view pattern, Handler handler);
  /// Listens; returns the port. Error: `kConfig` when the address cannot be used.
  Result<int> start();
  /// Ends running handlers' connections after they return; no handler runs afterwards. Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The routes of every instance: `/v1/health`, `/v1/metrics`, `/v1/topology`, `/v1/stores/{store}`;
/// by POST `/v1/pause`, `/v1/resume` and `/v1/drain`; `/v1/snapshots/…` for other instances if this
/// one keeps some. Rows and snapshots hold everything in clear: `kOpen` opens them to all callers,
/// `kTrusted` to trusted ones only. `engine` must outlive the running server.
enum class RowAccess : unsigned char { kOpen, kTrusted };
void add_engine_routes(QueryServer& server, Engine& engine, const Topology& topology,
                       RowAccess rows = RowAccess::kOpen);
/// `handler`, restricted to the callers that `access` allows; others get a 401.
QueryServer::Handler guarded(RowAccess access, QueryServer::Handler handler);

class Queries;
/// The queries for `request`: with `?stale=ok` they include standbys.
const Queries& queries_for(const Queries& queries, const HttpRequest& request);

struct StatePosition;
/// `position` as the JSON object that every answer carries.
std::string position_json(const StatePosition& position);

}  // namespace millrace
