#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/engine/http_route.h"

#include "engine/http/route_table.h"

namespace millrace::engine {

struct SessionShared;

/// The head of a request, as far as the gate looks at it.
struct RequestHead {
  enum class Method : unsigned char { kGet, kHead, kPost, kOther };
  Method method = Method::kOther;
  std::string_view target{};
  std::string_view host{};
  size_t hosts = 0;     ///< headers Host
  bool is_old = false;  ///< HTTP/1.0, which needs no Host
  bool has_origin = false;
  bool has_body = false;
  uint64_t length = 0;  ///< of the body, as it says
};

/// Finds the route for a request, in `match`; returns the answer if there is none that may get its
/// body, or the request is none for this server. `target` has to outlive the match.
std::optional<HttpAnswer> check_head(const RequestHead& head, const SessionShared& shared,
                                     bool is_reserved, RouteMatch& match);

/// Who asks.
struct HttpCaller {
  Rights rights{};
  std::string name{};   ///< of his token, or "instance <name>"; empty: neither
  std::string nonce{};  ///< of another instance; empty: none asks
  std::optional<std::chrono::milliseconds> wait{};  ///< that another instance waits
  std::optional<HttpAnswer> refusal{};              ///< for an instance that cannot prove it
};
HttpCaller identify(const SessionShared& shared, std::string_view authorization,
                    std::string_view method, std::string_view target, std::string_view body);

}  // namespace millrace::engine
