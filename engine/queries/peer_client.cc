#include "engine/queries/peer_client.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "millrace/core/clock.h"

#include "engine/base/random_id.h"
#include "engine/http/peer_proof.h"

namespace millrace::engine {
namespace {

constexpr HttpTimeouts kPeerTimeouts{.connect_ms = 1'000, .piece_ms = 5'000};
/// For the reply to a question for changes, beside its own wait.
constexpr int64_t kWatchSlackMs = 2'000;
/// As many as ask at once, see `waiters.cc`: else some questions open and close one of their own.
constexpr size_t kIdlePerEndpointMax = 16;
/// Each kept connection takes one of the other instance's places.
constexpr std::chrono::seconds kIdleMax{30};

Result<int64_t> wait_until(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0) return Error{ErrorCode::kTimedOut, "no time left to ask another instance"};
  return std::min<int64_t>(left.count(), kPeerTimeouts.piece_ms);
}

}  // namespace

PeerClient::Connection PeerClient::take_idle(const std::string& endpoint) const {
  const std::lock_guard lock(mutex_);
  const auto found = idle_.find(endpoint);
  if (found == idle_.end() || found->second.empty()) return nullptr;
  Connection connection = std::move(found->second.back().connection);
  found->second.pop_back();
  return connection;
}

void PeerClient::keep(const std::string& endpoint, Connection connection) const {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  std::vector<Idle>& idle = idle_[endpoint];
  if (idle.size() < kIdlePerEndpointMax) idle.push_back({std::move(connection), now});
  for (auto at = idle_.begin(); at != idle_.end();) {
    std::erase_if(at->second, [now](const Idle& one) { return now - one.since > kIdleMax; });
    at = at->second.empty() ? idle_.erase(at) : std::next(at);
  }
}

Status PeerClient::exchange(const std::string& endpoint, const HttpClient::Request& request,
                            Exchange& answer) const {
  for (;;) {
    Connection connection = take_idle(endpoint);
    const bool is_kept = connection != nullptr;
    if (!is_kept) {
      auto opened = HttpClient::open(endpoint, kPeerTimeouts, {}, self_.tls);
      if (!opened.ok()) return opened.status();
      connection = *std::move(opened);
    }
    answer = {};
    const Status status = connection->get(
        request,
        [&](const HttpClient::Head& head) {
          answer.status = head.status;
          answer.proof = head.peer_proof;
          return Status();
        },
        [&](std::string_view bytes) {
          if (answer.body.size() + bytes.size() > kRowReplyBytesMax) {
            return Status(Error{ErrorCode::kInvalidRecord, endpoint + ": the answer is too long"});
          }
          answer.body.append(bytes);
          return Status();
        });
    if (status.ok()) {
      keep(endpoint, std::move(connection));
      return status;
    }
    // The other end may close a connection that was idle, at any time.
    const bool was_closed = is_kept && status.code() == ErrorCode::kRetriable && answer.status == 0;
    if (!was_closed) return status;
  }
}

Result<RowReply> PeerClient::ask(const std::string& endpoint, const RowQuestion& question,
                                 Rights rights,
                                 std::chrono::steady_clock::time_point deadline) const {
  const Result<int64_t> wait_ms = wait_until(deadline);
  if (!wait_ms.ok()) return wait_ms.status();
  const Result<std::string> body =
      ask_signed(endpoint, kPeerRowsPath, encode_question(question), rights, *wait_ms);
  if (!body.ok()) return body.status();
  Result<RowReply> reply = decode_reply(*body);
  if (!reply.ok()) return reply;
  if (reply->position.task == question.task && question.bounds.allow(reply->position)) {
    return reply;
  }
  return Error{ErrorCode::kInvalidRecord, endpoint + ": the answer to another question"};
}

Result<ChangeReply> PeerClient::watch(const std::string& endpoint,
                                      const WatchQuestion& question) const {
  const Result<std::string> body = ask_signed(endpoint, kPeerChangesPath, encode_watch(question),
                                              {}, question.wait_ms + kWatchSlackMs);
  if (!body.ok()) return body.status();
  return decode_changes(*body, question.changes.ranges.size());
}

Result<std::string> PeerClient::view(const std::string& endpoint, const std::string& name,
                                     Rights rights,
                                     std::chrono::steady_clock::time_point deadline) const {
  const Result<int64_t> wait_ms = wait_until(deadline);
  if (!wait_ms.ok()) return wait_ms.status();
  return ask_signed(endpoint, kPeerViewsPath, name, rights, *wait_ms);
}

Result<std::string> PeerClient::ask_signed(const std::string& endpoint, const char* target,
                                           std::string body, Rights rights, int64_t wait_ms) const {
  const PeerClaims claims{self_.instance, system_clock().now_ms(), random_id(), rights, wait_ms};
  HttpClient::Request request{.target = target,
                              .method = "POST",
                              .body = std::move(body),
                              .body_bytes_max = kRowReplyBytesMax,
                              .wait_ms = wait_ms};
  request.authorization =
      prove_request(*self_.key, claims, {request.method, request.target, request.body});
  Exchange answer;
  MILLRACE_RETURN_IF_ERROR(exchange(endpoint, request, answer));
  const bool is_proved =
      is_answer_proved(*self_.key, answer.proof, claims.nonce, answer.status, answer.body);
  if (answer.status == 200 && is_proved) return std::move(answer.body);
  if (answer.status == 200) {
    return Error{
        ErrorCode::kRefused,
        fmt::format("{}: an answer without proof by the key in query.peer.key.file", endpoint)};
  }
  const bool is_refusal = answer.status == 401 || answer.status == 403;
  ErrorCode code = is_refusal ? ErrorCode::kRefused : ErrorCode::kRetriable;
  if (is_proved && answer.status == 400) code = ErrorCode::kInvalidArgument;
  if (is_proved && answer.status == 409) code = ErrorCode::kNotReady;
  return Error{code, fmt::format("{}: {}", endpoint, error_in(answer.body))};
}

}  // namespace millrace::engine
