#include "millrace/engine/client.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/endpoint.h"
#include "engine/base/hexadecimal.h"
#include "engine/base/shallow_json.h"
#include "engine/client/event_parser.h"
#include "engine/client/position_token.h"
#include "engine/http/http_client.h"
#include "engine/http/request_parameters.h"

namespace millrace::client {
namespace {

using engine::HttpClient;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kPlainScheme = "http://";
constexpr int64_t kConnectMs = 1'000;
constexpr uint64_t kAnswerBytesMax = 64 << 20;
constexpr size_t kRefusalBytesMax = 1 << 20;
constexpr size_t kIdlePerServerMax = 8;
/// Of a page; a row is a FlatBuffer of at most 64 tables, one in the other.
constexpr int kRowDepthMax = 256;
/// Servers send a comment every 15 s when there is no event.
constexpr int64_t kSilenceMs = 45'000;
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLastPause{2'000};

/// Behind the scheme, if that is still there; the address may be an IPv6 one in brackets.
bool names_port(std::string_view url) {
  if (url.starts_with(engine::kSecureScheme)) url.remove_prefix(engine::kSecureScheme.size());
  const size_t colon = url.rfind(':');
  return colon != std::string_view::npos && url.find(']', colon) == std::string_view::npos;
}

std::string target_of(std::string_view path, const std::map<std::string, std::string>& parameters) {
  std::string target(path);
  char separator = path.find('?') == std::string_view::npos ? '?' : '&';
  for (const auto& [name, value] : parameters) {
    target += fmt::format("{}{}={}", separator, engine::percent_encoded(name),
                          engine::percent_encoded(value));
    separator = '&';
  }
  return target;
}

void add(const Freshness& freshness, std::map<std::string, std::string>& parameters) {
  if (freshness.may_be_stale) parameters["stale"] = "ok";
  if (freshness.lag_records_max) {
    parameters["max_lag_records"] = std::to_string(*freshness.lag_records_max);
  }
  if (freshness.lag_ms_max) parameters["max_lag_ms"] = std::to_string(*freshness.lag_ms_max);
}

Error error_of(const std::string& server, const Answer& answer) {
  ErrorCode code = ErrorCode::kRefused;
  if (answer.status == 400) code = ErrorCode::kInvalidArgument;
  if (answer.status == 409) code = ErrorCode::kNotReady;
  if (answer.status >= 500) code = ErrorCode::kRetriable;
  return {code, fmt::format("{}: {} {}", server, answer.status, engine::error_in(answer.body))};
}

Error nonsense() {
  return {ErrorCode::kInvalidRecord, "an answer of another form than expected"};
}

std::optional<StoredRow> read_row(const json& object, std::string key) {
  const auto value = object.find("value_hex");
  const auto timestamp = object.find("timestamp_ms");
  if (value == object.end() || !value->is_string() || timestamp == object.end() ||
      !timestamp->is_number_integer()) {
    return std::nullopt;
  }
  std::optional<std::string> bytes = engine::from_hexadecimal(value->get<std::string>());
  if (!bytes) return std::nullopt;
  return StoredRow{std::move(key), *std::move(bytes), timestamp->get<int64_t>()};
}

const std::string kRows = "rows";

bool has_rows(const auto& object, const std::string& name = kRows) {
  return object.is_object() && object.contains(name) && object[name].is_array();
}

std::string next_in(const auto& page) {
  const auto next = page.find("next");
  return next != page.end() && next->is_string() ? next->template get<std::string>()
                                                 : std::string();
}

Result<JsonPage> read_page(const std::string& body, const std::string& name = kRows) {
  const auto object = engine::parse_shallow_ordered_json(body, kRowDepthMax);
  if (!has_rows(object, name)) return nonsense();
  JsonPage page{.rows = {}, .next = next_in(object)};
  for (const auto& row : object[name]) page.rows.push_back(row.dump());
  return page;
}

}  // namespace

struct Client::Impl {
  struct Server {
    std::string endpoint;
    std::vector<std::unique_ptr<HttpClient>> idle;
  };

  Result<std::unique_ptr<HttpClient>> connection_to(size_t server, int64_t timeout_ms,
                                                    bool& is_kept) {
    {
      const std::lock_guard lock(mutex);
      std::vector<std::unique_ptr<HttpClient>>& idle = servers[server].idle;
      if (!idle.empty()) {
        std::unique_ptr<HttpClient> connection = std::move(idle.back());
        idle.pop_back();
        is_kept = true;
        return connection;
      }
    }
    return HttpClient::open(
        servers[server].endpoint,
        {.connect_ms = std::min(kConnectMs, timeout_ms), .piece_ms = options.timeout_ms},
        std::stop_token(), tls);
  }

  void keep(size_t server, std::unique_ptr<HttpClient> connection) {
    const std::lock_guard lock(mutex);
    std::vector<std::unique_ptr<HttpClient>>& idle = servers[server].idle;
    if (idle.size() < kIdlePerServerMax) idle.push_back(std::move(connection));
  }

  /// The server may have closed connections that were kept, so those get a second attempt.
  Result<Answer> ask(size_t server, const std::string& target, int64_t timeout_ms) {
    for (;;) {
      bool is_kept = false;
      Result<Answer> answer = ask_once(server, target, timeout_ms, is_kept);
      if (answer.ok() || !is_kept || answer.code() != ErrorCode::kRetriable) return answer;
    }
  }

  Result<Answer> ask_once(size_t server, const std::string& target, int64_t timeout_ms,
                          bool& is_kept) {
    auto connection = connection_to(server, timeout_ms, is_kept);
    if (!connection.ok()) return connection.status();
    Answer answer;
    const Status status = (*connection)
                              ->get(
                                  {.target = target,
                                   .authorization = authorization,
                                   .body_bytes_max = kAnswerBytesMax,
                                   .wait_ms = timeout_ms},
                                  [&](const HttpClient::Head& head) {
                                    answer.status = head.status;
                                    answer.position = head.position;
                                    return Status();
                                  },
                                  [&](std::string_view bytes) {
                                    answer.body.append(bytes);
                                    return Status();
                                  });
    if (!status.ok()) return status;
    keep(server, *std::move(connection));
    return answer;
  }

  /// Asks the server that answered last, then the others, until one answers or the time is over.
  Result<Answer> ask_any(std::string_view path,
                         const std::map<std::string, std::string>& parameters) {
    const std::string target = target_of(path, parameters);
    const auto until = Clock::now() + std::chrono::milliseconds(options.timeout_ms);
    Status failure = Error{ErrorCode::kTimedOut, "no time to ask"};
    const size_t first = preferred;
    for (size_t i = 0; i < servers.size(); ++i) {
      const size_t server = (first + i) % servers.size();
      // A server that is frozen must leave time for the others.
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()) /
          static_cast<int64_t>(servers.size() - i);
      if (left.count() <= 0) break;
      Result<Answer> answer = ask(server, target, left.count());
      if (answer.ok() && (answer->status == 200 || answer->status == 404)) {
        preferred = server;
        note(answer->position);
        return answer;
      }
      failure = answer.ok() ? error_of(servers[server].endpoint, *answer) : answer.status();
      const bool may_differ_elsewhere =
          failure.code() == ErrorCode::kRetriable || failure.code() == ErrorCode::kTimedOut;
      if (!may_differ_elsewhere) return failure;
    }
    return failure;
  }

  /// A watch over its connections.
  struct Watching {
    const WatchQuestion& question;
    const std::function<bool(const Event&)>& take;
    std::string from;
    bool has_answered = false;  ///< somebody, once
    bool is_over = false;       ///< `take` says so
    bool has_moved = false;     ///< the present connection brought an event
  };

  /// Follows one connection to its end.
  Status follow(size_t server, Watching& watching) {
    auto connection = HttpClient::open(
        servers[server].endpoint,
        {.connect_ms = std::min(kConnectMs, options.timeout_ms), .piece_ms = kSilenceMs},
        watching.question.stop, tls);
    if (!connection.ok()) return connection.status();
    Answer refusal;
    EventParser parser(kAnswerBytesMax);
    const Status ended =
        (*connection)
            ->get(
                {.target = target_of(watching.question.path, watching.question.parameters),
                 .authorization = authorization,
                 .last_event_id = watching.from,
                 .is_stream = true},
                [&](const HttpClient::Head& head) {
                  refusal.status = head.status;
                  watching.has_answered |= head.status == 200;
                  return Status();
                },
                [&](std::string_view bytes) {
                  if (refusal.status == 200) return pass(bytes, parser, watching);
                  refusal.body.append(bytes);
                  // A stream may go without end, and so may a refusal to give it.
                  return refusal.body.size() <= kRefusalBytesMax ? Status() : Status(nonsense());
                });
    if (refusal.status == 0 || refusal.status == 200) return ended;
    if (refusal.status == 404) return Error{ErrorCode::kNotFound, engine::error_in(refusal.body)};
    return error_of(servers[server].endpoint, refusal);
  }

  Status pass(std::string_view bytes, EventParser& parser, Watching& watching) {
    const Result<std::vector<Event>> events = parser.add(bytes);
    if (!events.ok()) return events.status();
    for (const Event& event : *events) {
      if (event.name == "end" || event.name == "cut") continue;  // the connection ends
      if (event.id.size() > engine::kEventIdLengthMax) return nonsense();
      watching.has_moved = true;
      if (!event.id.empty()) {
        watching.from = event.id;
        note(event.id);
      }
      watching.is_over = !watching.take(event);
      if (watching.is_over) return Error{ErrorCode::kAborted, "no more events are wanted"};
    }
    return {};
  }

  Status watch(const WatchQuestion& question, const std::function<bool(const Event&)>& take) {
    Watching watching{.question = question, .take = take, .from = question.from};
    if (watching.from.empty() && options.is_monotonic) watching.from = position_token();
    const auto give_up = Clock::now() + std::chrono::milliseconds(options.timeout_ms);
    auto pause = kFirstPause;
    for (size_t server = preferred;; server = (server + 1) % servers.size()) {
      watching.has_moved = false;
      const Status ended = follow(server, watching);
      if (watching.is_over) return {};
      if (question.stop.stop_requested()) return Error{ErrorCode::kAborted, "asked to stop"};
      const bool is_passing = ended.ok() || ended.code() == ErrorCode::kRetriable ||
                              ended.code() == ErrorCode::kTimedOut;
      if (!is_passing || (!watching.has_answered && Clock::now() > give_up)) return ended;
      pause = watching.has_moved ? kFirstPause : std::min(2 * pause, kLastPause);
      sleep(pause, question.stop);
    }
  }

  static void sleep(std::chrono::milliseconds pause, const std::stop_token& stop) {
    std::mutex unused;
    std::unique_lock lock(unused);
    std::condition_variable_any().wait_for(lock, stop, pause, [] { return false; });
  }

  std::string position_token() {
    const std::lock_guard lock(mutex);
    return engine::position_token(position);
  }

  void add_position(std::map<std::string, std::string>& parameters) {
    if (!options.is_monotonic) return;
    std::string token = position_token();
    if (!token.empty()) parameters["min_position"] = std::move(token);
  }

  void note(const std::string& token) {
    const Result<engine::NextOffsets> seen = engine::parse_position_token(token);
    const std::lock_guard lock(mutex);
    if (seen.ok()) engine::include(position, *seen);
  }

  Options options;
  std::string authorization;
  std::shared_ptr<engine::TlsSettings> tls;
  std::atomic<size_t> preferred = 0;
  std::mutex mutex;
  std::vector<Server> servers;
  engine::NextOffsets position;
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::open(Options options) {
  auto impl = std::make_unique<Impl>();
  for (std::string url : options.urls) {
    while (url.ends_with('/')) url.pop_back();
    const bool is_plain = url.starts_with(kPlainScheme);
    if (is_plain) url.erase(0, kPlainScheme.size());
    const bool is_secure = url.starts_with(engine::kSecureScheme);
    if (!names_port(url)) url += is_plain ? ":80" : ":443";
    const std::string_view address =
        std::string_view(url).substr(is_secure ? engine::kSecureScheme.size() : 0);
    if (is_plain == is_secure || !engine::parse_endpoint(address)) {
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{}: not of the form http://host:port", url)};
    }
    if (is_secure && impl->tls == nullptr) {
      auto tls = engine::open_client_tls(options.tls_authorities);
      if (!tls.ok()) return tls.status();
      impl->tls = *std::move(tls);
    }
    impl->servers.push_back({std::move(url), {}});
  }
  if (impl->servers.empty()) return Error{ErrorCode::kInvalidArgument, "a client needs a URL"};
  if (!options.token.empty()) impl->authorization = "Bearer " + options.token;
  impl->options = std::move(options);
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Result<Answer> Client::get(std::string_view path,
                           const std::map<std::string, std::string>& parameters) {
  return impl_->ask_any(path, parameters);
}

Result<std::optional<std::string>> Client::ask_row(std::string_view store, Bytes key,
                                                   const Freshness& freshness, const char* format) {
  std::map<std::string, std::string> parameters{{"key", key.to_string()}, {"format", format}};
  add(freshness, parameters);
  impl_->add_position(parameters);
  Result<Answer> answer = get("/v1/stores/" + engine::percent_encoded(store), parameters);
  if (!answer.ok()) return answer.status();
  if (answer->status == 404) return std::optional<std::string>();
  return std::optional(std::move(answer->body));
}

Result<std::optional<StoredRow>> Client::row(std::string_view store, Bytes key,
                                             const Freshness& freshness) {
  const Result<std::optional<std::string>> body = ask_row(store, key, freshness, "hex");
  if (!body.ok()) return body.status();
  if (!*body) return std::optional<StoredRow>();
  const json object = engine::parse_shallow_json(**body, kRowDepthMax);
  if (!object.is_object()) return nonsense();
  std::optional<StoredRow> row = read_row(object, key.to_string());
  if (!row) return nonsense();
  return row;
}

Result<std::optional<std::string>> Client::json_row(std::string_view store, Bytes key,
                                                    const Freshness& freshness) {
  return ask_row(store, key, freshness, "json");
}

Result<std::string> Client::ask_rows(std::string_view store, const RowsQuestion& question,
                                     const char* format) {
  std::map<std::string, std::string> parameters{{"limit", std::to_string(question.rows_max)},
                                                {"format", format}};
  if (question.from) parameters["from"] = *question.from;
  if (question.to) parameters["to"] = *question.to;
  if (question.prefix) parameters["prefix"] = *question.prefix;
  if (question.is_descending) parameters["order"] = "desc";
  if (!question.page.empty()) parameters["page"] = question.page;
  add(question.freshness, parameters);
  impl_->add_position(parameters);
  Result<Answer> answer =
      get(fmt::format("/v1/stores/{}/rows", engine::percent_encoded(store)), parameters);
  if (!answer.ok()) return answer.status();
  return std::move(answer->body);
}

Result<RowsPage> Client::rows(std::string_view store, const RowsQuestion& question) {
  const Result<std::string> body = ask_rows(store, question, "hex");
  if (!body.ok()) return body.status();
  const json object = engine::parse_shallow_json(*body, kRowDepthMax);
  if (!has_rows(object)) return nonsense();
  RowsPage page{.rows = {}, .next = next_in(object)};
  for (const json& entry : object["rows"]) {
    if (!entry.is_object() || !entry.contains("key_hex") || !entry["key_hex"].is_string()) {
      return nonsense();
    }
    auto key = engine::from_hexadecimal(entry["key_hex"].get<std::string>());
    auto row = key ? read_row(entry, *std::move(key)) : std::nullopt;
    if (!row) return nonsense();
    page.rows.push_back(*std::move(row));
  }
  return page;
}

Result<JsonPage> Client::json_rows(std::string_view store, const RowsQuestion& question) {
  const Result<std::string> body = ask_rows(store, question, "json");
  return body.ok() ? read_page(*body) : body.status();
}

Result<JsonPage> Client::json_rows_by(std::string_view store, std::string_view index,
                                      const IndexQuestion& question) {
  return json_page(fmt::format("/v1/stores/{}/indexes/{}", engine::percent_encoded(store),
                               engine::percent_encoded(index)),
                   kRows, {}, question);
}

Result<JsonPage> Client::json_page(std::string_view path, const std::string& name,
                                   std::map<std::string, std::string> parameters,
                                   const IndexQuestion& question) {
  parameters["limit"] = std::to_string(question.rows_max);
  for (const auto& [bound, text] :
       {std::pair("value", &question.value), std::pair("from", &question.from),
        std::pair("to", &question.to), std::pair("prefix", &question.prefix)}) {
    if (*text) parameters[bound] = **text;
  }
  if (question.is_descending) parameters["order"] = "desc";
  if (!question.page.empty()) parameters["page"] = question.page;
  add(question.freshness, parameters);
  impl_->add_position(parameters);
  const Result<Answer> answer = get(path, parameters);
  if (!answer.ok()) return answer.status();
  if (answer->status == 404) {
    return Error{ErrorCode::kInvalidArgument, engine::error_in(answer->body)};
  }
  return read_page(answer->body, name);
}

Status Client::watch(const WatchQuestion& question,
                     const std::function<bool(const Event& event)>& take) {
  return impl_->watch(question, take);
}

Status Client::include(std::string_view topic, int32_t partition, int64_t offset) {
  return include(fmt::format("{}:{}:{}", topic, partition, offset + 1));
}

std::string Client::position() const {
  return impl_->position_token();
}

Status Client::include(std::string_view position) {
  const Result<engine::NextOffsets> named = engine::parse_position_token(position);
  if (!named.ok()) return named.status();
  const std::lock_guard lock(impl_->mutex);
  engine::include(impl_->position, *named);
  return {};
}

}  // namespace millrace::client
