#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/core/topology.h"
#include "millrace/engine/http_route.h"
#include "millrace/engine/row_masks.h"

namespace millrace {

class Engine;
class Metrics;
namespace engine {
class PeerKey;
class TokenTable;
template <class T>
class Reloaded;
}  // namespace engine

/// The callers of the token file at `path` (`query.token.file` describes it), read again when it
/// changes. Errors: `kConfig` with the line and its fault, and nothing of a token; also when others
/// than owner and group may read the file, or others than the owner write it.
Result<std::shared_ptr<engine::Reloaded<const engine::TokenTable>>> follow_token_file(
    const std::filesystem::path& path);

struct QueryServerOptions {
  std::string host = "127.0.0.1";
  int port = -1;    ///< −1: any free port
  int threads = 4;  ///< requests answered at a time
  /// PEM files, see `query.tls.certificate.file`; empty: connections are in the clear.
  std::filesystem::path tls_certificate_file{};
  std::filesystem::path tls_key_file{};
  /// Callers with `Authorization: Bearer <token>`, and the rights of others (`follow_token_file`);
  /// null: nobody has a token.
  std::shared_ptr<engine::Reloaded<const engine::TokenTable>> tokens{};
  Rights anonymous{Right::kRead};  ///< of all callers, without `tokens`
  /// By which other instances prove who they are (`Engine::peer_key`); null: no request is one of
  /// theirs.
  std::shared_ptr<const engine::PeerKey> peer_key{};
  /// Names in a request's Host header, beside addresses and localhost; "*": any. A web page whose
  /// own name leads to this server (DNS rebinding) comes with another one.
  std::vector<std::string> allowed_hosts{};
  int connections_max = 512;
  int connections_per_address_max = 256;
  int streams_max = 256;                ///< of events; others get a 503
  int scans_max = 16;                   ///< answers of many rows, until they are sent
  int64_t idle_timeout_ms = 60'000;     ///< until the next request of a connection begins
  int64_t request_timeout_ms = 10'000;  ///< for a request to arrive, once it has begun
  int64_t answer_timeout_ms = 10'000;   ///< for an answer (of a file: 64 KiB) to be taken
  int64_t event_timeout_ms = 5'000;     ///< for an event to be taken, or the stream is cut off
  int64_t keep_alive_ms = 15'000;       ///< between two comments of a stream without events
  std::string title = "Millrace";       ///< of the OpenAPI document
  Metrics* metrics = nullptr;           ///< counts there, if any; must outlive the server
};

/// Answers requests over HTTP/1.1 by the table of its routes, and describes them at
/// `/v1/openapi.json`.
///
/// Bounded: 16 KiB of request head, the body that the route allows, the limits of the options. When
/// all connections are taken, 16 more, 8 of an address, may ask for vital routes only. Add routes,
/// then start once. Not thread-safe; handlers run on the server's threads, several at a time.
class QueryServer {
 public:
  explicit QueryServer(QueryServerOptions options);
  ~QueryServer();  ///< stops
  QueryServer(const QueryServer&) = delete;
  QueryServer& operator=(const QueryServer&) = delete;

  /// The first route that fits a request wins.
  void route(HttpRoute route);
  /// Listens; returns the port. Error: `kConfig` when the address cannot be used.
  Result<int> start();
  /// Ends all connections: streams by an event `end`, the others when their answers are sent, and
  /// after a while those that are left. No handler runs afterwards. Idempotent.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The routes of every instance: `/v1/live`, `/v1/ready`, `/v1/health`, `/v1/metrics`,
/// `/v1/topology`, `/v1/topology/graph`, `/v1/instances` and what each says of itself, the page
/// `/console`, `/v1/stores/{store}` with its `rows`, `changes` and `indexes/{index}`,
/// `/v1/token`; by POST
/// `/v1/pause`, `/v1/resume` and `/v1/drain`;
/// `/v1/snapshots/…` for other instances if this one keeps some. `engine` must outlive the running
/// server. Rows of stores without one of `masks` are for callers with the right to raw rows.
void add_engine_routes(QueryServer& server, Engine& engine, const Topology& topology,
                       RowMasks masks = {});

struct StatePosition;
/// `position` as the JSON object that every answer carries.
std::string position_json(const StatePosition& position);

}  // namespace millrace
