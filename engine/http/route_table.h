#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/engine/http_route.h"

#include "engine/http/admission.h"

namespace millrace::engine {

/// A request's target, and the route for it.
struct RouteMatch {
  const HttpRoute* route = nullptr;  ///< null: none, `refusal` is the answer
  std::vector<std::string> arguments{};
  std::string_view query{};  ///< of the target, as it came
  HttpAnswer refusal{};      ///< 400, 404 or 405
  const Turnstile* scans = nullptr;
};

/// The routes of a server. No regular expressions: their time and stack grow with input from
/// outside.
class RouteTable {
 public:
  /// `scans_max`: answers of routes that scan, from their request until they are sent.
  explicit RouteTable(int scans_max = 16) : scans_(scans_max) {}

  /// REQUIRES: the pattern begins with '/', has a handler, and a parameter for each `{…}`, in
  /// order.
  void add(HttpRoute route);
  /// `target`: path and query string as they came; it must outlive the match.
  RouteMatch find(HttpMethod method, std::string_view target) const;
  /// Longest body that some route takes.
  size_t body_bytes_max() const;
  std::vector<const HttpRoute*> routes() const;

 private:
  struct Entry {
    HttpRoute route;
    std::vector<std::string> segments;  ///< empty: any
  };
  std::deque<Entry> entries_;  ///< a deque: matches point into it
  const Turnstile scans_;
};

/// Whether a caller with these rights may ask.
bool is_open_to(const HttpRoute& route, Rights rights);

/// Runs the handler of `match` for a request of a caller with `request.rights`, after it has
/// checked these and the parameters; 400, 401, 403, 500 and 503 included. REQUIRES: there is a
/// route.
HttpAnswer answer_of(const RouteMatch& match, HttpRequest request, bool has_token);

/// The answer that `make` gives; a 500 when it throws.
HttpAnswer answer_or_error(const HttpRoute& route, const std::function<HttpAnswer()>& make);

/// The names in the `{…}` of a pattern, in order.
std::vector<std::string_view> names_in(std::string_view pattern);

}  // namespace millrace::engine
