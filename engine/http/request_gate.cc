#include "engine/http/request_gate.h"

#include <memory>
#include <utility>

#include "millrace/core/clock.h"

#include "engine/http/peer_proof.h"
#include "engine/http/session.h"
#include "engine/secrets/bearer.h"

namespace millrace::engine {
namespace {

HttpAnswer refuse(const SessionShared& shared, const char* reason, unsigned status,
                  std::string_view message) {
  shared.count_refusal(reason);
  return error_answer(status, message);
}

HttpCaller identify_peer(const SessionShared& shared, std::string_view authorization,
                         std::string_view method, std::string_view target, std::string_view body) {
  HttpCaller caller;
  if (shared.peer_key == nullptr) {
    caller.refusal = error_answer(401, "this instance has no query.peer.key.file");
    return caller;
  }
  Result<PeerClaims> claims = check_request(*shared.peer_key, authorization, {method, target, body},
                                            system_clock().now_ms());
  if (!claims.ok()) {
    caller.refusal = error_answer(401, claims.message());
    return caller;
  }
  caller.rights = claims->rights;
  caller.rights.add(Right::kPeer);
  caller.name = "instance " + claims->instance;
  caller.wait = std::chrono::milliseconds(claims->wait_ms);
  caller.nonce = std::move(claims->nonce);
  return caller;
}

}  // namespace

std::optional<HttpAnswer> check_head(const RequestHead& head, const SessionShared& shared,
                                     bool is_reserved, RouteMatch& match) {
  using Method = RequestHead::Method;
  if (head.hosts > 1 || (head.hosts == 0 && !head.is_old)) {
    return refuse(shared, "malformed", 400, "a request needs one Host header");
  }
  if (head.hosts == 1 && !shared.hosts.allows(head.host)) {
    return refuse(shared, "host", 421,
                  "the Host header names another server; query.allowed.hosts lists the names "
                  "that this one goes by");
  }
  if (head.method == Method::kOther) {
    HttpAnswer refused = refuse(shared, "malformed", 405, "only GET and POST are served here");
    refused.allow = "GET, HEAD, POST";
    return refused;
  }
  const bool is_post = head.method == Method::kPost;
  // A browser names the origin of the page that makes it post.
  if (is_post && head.has_origin) {
    return refuse(shared, "web_page", 403, "web pages may not change anything here");
  }
  match = shared.routes.find(is_post ? HttpMethod::kPost : HttpMethod::kGet, head.target);
  if (match.route == nullptr) {
    return head.has_body ? std::optional(match.refusal) : std::nullopt;
  }
  if (is_reserved && !match.route->is_vital) {
    return refuse(shared, "reserved", 503,
                  "all connections are taken (query.connections.max, "
                  "query.connections.per.address)");
  }
  if (head.has_body && match.route->body_bytes_max == 0) {
    return refuse(shared, "malformed", 400, "this path takes no body");
  }
  if (head.length > match.route->body_bytes_max) {
    return refuse(shared, "malformed", 413, "the body is too long");
  }
  return std::nullopt;
}

HttpCaller identify(const SessionShared& shared, std::string_view authorization,
                    std::string_view method, std::string_view target, std::string_view body) {
  if (is_peer_authorization(authorization)) {
    return identify_peer(shared, authorization, method, target, body);
  }
  HttpCaller caller{.rights = shared.anonymous};
  if (shared.tokens == nullptr) return caller;
  const std::shared_ptr<const TokenTable> tokens = shared.tokens->get();
  const TokenTable::Caller* const known = tokens->find(bearer_token(authorization));
  caller.rights = known == nullptr ? tokens->anonymous() : known->rights;
  if (known != nullptr) caller.name = known->name;
  return caller;
}

}  // namespace millrace::engine
