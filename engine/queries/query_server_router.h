#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/engine/query_server.h"

namespace millrace::engine {

/// Decodes %XX; in a query string also '+' as a space. nullopt: a '%' without two hex digits.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

/// Finds the handler for a request's target. No regular expressions: their time and stack grow
/// with input from outside.
class Router {
 public:
  /// REQUIRES: `pattern` begins with '/'.
  void add(HttpMethod method, std::string_view pattern, QueryServer::Handler handler);
  /// Answers `target` (path and query string as they came); 400, 404 and 405 included.
  HttpAnswer answer(HttpMethod method, std::string_view target, bool is_trusted = false) const;

 private:
  struct Route {
    HttpMethod method;
    std::vector<std::string> segments;  ///< empty: any
    QueryServer::Handler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace millrace::engine
