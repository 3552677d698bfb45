#include "engine/queries/query_server_router.h"

#include <exception>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace millrace {

HttpAnswer error_answer(unsigned status, std::string_view message) {
  const nlohmann::json body{{"error", std::string(message)}};
  return {.status = status,
          .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

HttpAnswer trust_needed() {
  constexpr unsigned kUnauthorized = 401;
  return error_answer(kUnauthorized, "only for callers with the bearer token (query.token.file)");
}

QueryServer::Handler guarded(RowAccess access, QueryServer::Handler handler) {
  if (access == RowAccess::kOpen) return handler;
  return [handler = std::move(handler)](const HttpRequest& request) {
    return request.is_trusted ? handler(request) : trust_needed();
  };
}

HttpAnswer error_answer(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kInvalidRecord:
      return error_answer(400, error.message);
    case ErrorCode::kNotFound:
      return error_answer(404, error.message);
    case ErrorCode::kRetriable:
    case ErrorCode::kTimedOut:
      return error_answer(503, error.message);
    default:
      return error_answer(500, error.message);
  }
}

namespace engine {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

bool read_parameters(std::string_view query, std::map<std::string, std::string>& parameters) {
  if (query.empty()) return true;
  for (const std::string_view part : split(query, '&')) {
    const size_t equals = part.find('=');
    const auto name = percent_decoded(part.substr(0, equals), true);
    const auto value = percent_decoded(
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1), true);
    if (!name || !value) return false;
    parameters.insert_or_assign(*name, *value);
  }
  return true;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
      if (low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

void Router::add(HttpMethod method, std::string_view pattern, QueryServer::Handler handler) {
  MILLRACE_ASSERT(pattern.starts_with('/'), "a route begins with '/'");
  Route route{.method = method, .segments = {}, .handler = std::move(handler)};
  for (const std::string_view segment : split(pattern.substr(1), '/')) {
    route.segments.emplace_back(segment.starts_with('{') ? std::string_view() : segment);
  }
  routes_.push_back(std::move(route));
}

HttpAnswer Router::answer(HttpMethod method, std::string_view target, bool is_trusted) const {
  const size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  if (!path.starts_with('/')) return error_answer(400, "the path does not begin with '/'");
  const std::vector<std::string_view> segments = split(path.substr(1), '/');
  bool is_of_another_method = false;
  for (const Route& route : routes_) {
    if (route.segments.size() != segments.size()) continue;
    HttpRequest request;
    request.is_trusted = is_trusted;
    bool fits = true;
    for (size_t i = 0; i < segments.size() && fits; ++i) {
      if (!route.segments[i].empty()) {
        fits = route.segments[i] == segments[i];
      } else if (auto decoded = percent_decoded(segments[i], false)) {
        fits = !decoded->empty();
        request.arguments.push_back(std::move(*decoded));
      } else {
        return error_answer(400, "a '%' in the path is not followed by two hex digits");
      }
    }
    if (!fits) continue;
    if (route.method != method) {
      is_of_another_method = true;
      continue;
    }
    const std::string_view query =
        question == std::string_view::npos ? std::string_view() : target.substr(question + 1);
    if (!read_parameters(query, request.parameters)) {
      return error_answer(400, "a '%' in the query string is not followed by two hex digits");
    }
    try {
      return route.handler(request);
    } catch (const std::exception& error) {
      spdlog::error("query failed: {}", error.what());
      return error_answer(500, "the query failed; the log says why");
    }
  }
  if (is_of_another_method) return error_answer(405, "the path needs another method");
  return error_answer(404, "no such path");
}

}  // namespace engine
}  // namespace millrace
