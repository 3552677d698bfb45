#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/http_route.h"

#include "engine/base/file.h"
#include "engine/base/shallow_json.h"
#include "engine/http/http_client.h"

namespace millrace {

std::string_view to_string(Right right) {
  switch (right) {
    case Right::kNone:
      return "none";
    case Right::kRead:
      return "read";
    case Right::kPersonal:
      return "personal";
    case Right::kRaw:
      return "raw";
    case Right::kOperate:
      return "operate";
    case Right::kPeer:
      return "peer";
  }
  return "unknown";
}

Result<std::shared_ptr<const engine::File>> open_file(const std::filesystem::path& path) {
  Result<engine::File> file = engine::File::open(path);
  if (!file.ok()) return file.status();
  return std::make_shared<const engine::File>(*std::move(file));
}

HttpAnswer error_answer(unsigned status, std::string_view message) {
  const nlohmann::json body{{"error", std::string(message)}};
  return {.status = status,
          .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

HttpAnswer lacks_right(Right needed, bool is_known) {
  if (is_known) {
    return error_answer(403,
                        fmt::format("the token does not give the right '{}'", to_string(needed)));
  }
  if (needed == Right::kPeer) {
    return error_answer(401, "only for instances with the key in query.peer.key.file");
  }
  return error_answer(401, fmt::format("only for callers with a bearer token that gives the right "
                                       "'{}' (query.token.file)",
                                       to_string(needed)));
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
    case ErrorCode::kNotReady:
      return error_answer(409, error.message);
    default:
      return error_answer(500, error.message);
  }
}

namespace engine {

std::string error_in(const std::string& body) {
  constexpr int kErrorDepthMax = 16;
  const auto answer = parse_shallow_json(body, kErrorDepthMax);
  const bool has_error =
      answer.is_object() && answer.contains("error") && answer["error"].is_string();
  return has_error ? answer["error"].get<std::string>() : "no reason given";
}

}  // namespace engine
}  // namespace millrace
