#include "engine/http/route_table.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

#include "millrace/core/assert.h"

#include "engine/http/request_parameters.h"

namespace millrace::engine {
namespace {

bool is_placeholder(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

/// Whether the segments of a path fit those of a pattern; decodes the arguments.
enum class Fit : unsigned char { kYes, kNo, kBroken };
Fit fit_segments(const std::vector<std::string>& pattern,
                 const std::vector<std::string_view>& segments,
                 std::vector<std::string>& arguments) {
  if (pattern.size() != segments.size()) return Fit::kNo;
  arguments.clear();
  for (size_t i = 0; i < segments.size(); ++i) {
    if (!pattern[i].empty()) {
      if (pattern[i] != segments[i]) return Fit::kNo;
      continue;
    }
    std::optional<std::string> decoded = percent_decoded(segments[i], false);
    if (!decoded) return Fit::kBroken;
    if (decoded->empty()) return Fit::kNo;
    arguments.push_back(*std::move(decoded));
  }
  return Fit::kYes;
}

}  // namespace

std::vector<std::string_view> names_in(std::string_view pattern) {
  std::vector<std::string_view> names;
  for (const std::string_view segment : split_at(pattern, '/')) {
    if (is_placeholder(segment)) names.push_back(segment.substr(1, segment.size() - 2));
  }
  return names;
}

void RouteTable::add(HttpRoute route) {
  MILLRACE_ASSERT(route.pattern.starts_with('/'), "a route begins with '/'");
  MILLRACE_ASSERT(route.handler != nullptr, "a route needs a handler");
  const std::vector<std::string_view> names = names_in(route.pattern);
  MILLRACE_ASSERT(route.parameters.size() >= names.size(), "a {…} of a route is no parameter");
  for (size_t i = 0; i < names.size(); ++i) {
    MILLRACE_ASSERT(route.parameters[i].name == names[i], "parameters are not in the path's order");
  }
  Entry& entry = entries_.emplace_back(Entry{std::move(route), {}});
  for (const std::string_view segment :
       split_at(std::string_view(entry.route.pattern).substr(1), '/')) {
    entry.segments.emplace_back(is_placeholder(segment) ? std::string_view() : segment);
  }
}

RouteMatch RouteTable::find(HttpMethod method, std::string_view target) const {
  RouteMatch match;
  const size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  if (question != std::string_view::npos) match.query = target.substr(question + 1);
  if (!path.starts_with('/')) {
    match.refusal = error_answer(400, "the path does not begin with '/'");
    return match;
  }
  const std::vector<std::string_view> segments = split_at(path.substr(1), '/');
  bool is_of_another_method = false;
  for (const Entry& entry : entries_) {
    const Fit fit = fit_segments(entry.segments, segments, match.arguments);
    if (fit == Fit::kBroken) {
      match.refusal = error_answer(400, "a '%' in the path is not followed by two hex digits");
      return match;
    }
    if (fit == Fit::kYes && entry.route.method == method) {
      match.route = &entry.route;
      match.scans = &scans_;
      return match;
    }
    is_of_another_method |= fit == Fit::kYes;
  }
  if (is_of_another_method) {
    match.refusal = error_answer(405, "the path needs another method");
    match.refusal.allow = method == HttpMethod::kGet ? "POST" : "GET, HEAD";
  } else {
    match.refusal = error_answer(404, "no such path: see /v1/openapi.json");
  }
  return match;
}

size_t RouteTable::body_bytes_max() const {
  size_t bytes_max = 0;
  for (const Entry& entry : entries_) bytes_max = std::max(bytes_max, entry.route.body_bytes_max);
  return bytes_max;
}

std::vector<const HttpRoute*> RouteTable::routes() const {
  std::vector<const HttpRoute*> routes;
  routes.reserve(entries_.size());
  for (const Entry& entry : entries_) routes.push_back(&entry.route);
  return routes;
}

bool is_open_to(const HttpRoute& route, Rights rights) {
  return rights.has(route.right) || (route.or_right != Right::kNone && rights.has(route.or_right));
}

HttpAnswer answer_of(const RouteMatch& match, HttpRequest request, bool has_token) {
  const HttpRoute& route = *match.route;
  if (!is_open_to(route, request.rights)) return lacks_right(route.right, has_token);
  request.arguments = match.arguments;
  if (const std::string fault = read_parameters(route, match.query, request); !fault.empty()) {
    return error_answer(400, fault);
  }
  if (!route.is_scan) return answer_or_error(route, [&] { return route.handler(request); });
  std::shared_ptr<void> place = match.scans->enter();
  if (place == nullptr) {
    return error_answer(503, "all scans that may run at a time do so (query.scans.max)");
  }
  HttpAnswer answer = answer_or_error(route, [&] { return route.handler(request); });
  if (answer.later) {
    answer.later = [later = std::move(answer.later), place] {
      HttpAnswer made = later();
      made.held = place;
      return made;
    };
  }
  answer.held = std::move(place);
  return answer;
}

HttpAnswer answer_or_error(const HttpRoute& route, const std::function<HttpAnswer()>& make) {
  try {
    return make();
  } catch (const std::exception& error) {
    spdlog::error("query failed route={}: {}", route.pattern, error.what());
    return error_answer(500, "the query failed; the log says why");
  }
}

}  // namespace millrace::engine
