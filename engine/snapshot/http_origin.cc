#include <optional>
#include <utility>

#include <fmt/format.h>

#include "engine/base/random_id.h"
#include "engine/http/http_client.h"
#include "engine/http/peer_proof.h"
#include "engine/snapshot/origin.h"

namespace millrace::engine {
namespace {

/// The query server of another instance.
class HttpOrigin final : public SnapshotOrigin {
 public:
  HttpOrigin(std::unique_ptr<HttpClient> client, std::string name, PeerIdentity self)
      : client_(std::move(client)), name_(std::move(name)), self_(std::move(self)) {}

  Result<std::string> manifest(TaskId task) override {
    std::string text;
    HttpClient::Request request{.target = "/v1/snapshots/" + task.to_string(),
                                .body_bytes_max = kManifestBytesMax};
    const std::string nonce = prove(request);
    std::string proof;
    MILLRACE_RETURN_IF_ERROR(client_->get(
        request,
        [&](const HttpClient::Head& head) {
          proof = head.peer_proof;
          return check(request, head, {});
        },
        [&](std::string_view bytes) {
          text.append(bytes);
          return Status();
        }));
    if (self_.key != nullptr && !is_answer_proved(*self_.key, proof, nonce, 200, text)) {
      return Error{
          ErrorCode::kRefused,
          fmt::format("{}: a manifest without proof by the key in query.peer.key.file", name_)};
    }
    return text;
  }

  Status read(const SnapshotManifest& manifest, const SnapshotFile& file, uint64_t offset,
              const Sink& sink) override {
    HttpClient::Request request{
        .target = fmt::format("/v1/snapshots/{}/{}/{}", manifest.task.to_string(),
                              manifest.snapshot, file.name),
        .offset = offset,
        .body_bytes_max = file.size - offset};
    prove(request);
    return client_->get(
        request, [&](const HttpClient::Head& head) { return check(request, head, file.size); },
        sink);
  }

 private:
  /// Adds the proof of who asks; returns the nonce that the answer has to prove.
  std::string prove(HttpClient::Request& request) const {
    if (self_.key == nullptr) return {};
    const PeerClaims claims{self_.instance, system_clock().now_ms(), random_id(), {Right::kRaw}, 0};
    request.authorization = prove_request(*self_.key, claims, {request.method, request.target, ""});
    return claims.nonce;
  }
  /// `size` is that of the whole file, when it is known.
  Status check(const HttpClient::Request& request, const HttpClient::Head& head,
               std::optional<uint64_t> size) const {
    if (head.status == 404) {
      return Error{ErrorCode::kNotFound, fmt::format("{}: has no {}", name_, request.target)};
    }
    if (head.status == 503) {
      return Error{ErrorCode::kRetriable, fmt::format("{}: is not ready", name_)};
    }
    if (head.status == 401) {
      return Error{
          ErrorCode::kRefused,
          fmt::format("{}: does not open its snapshots to this instance: give both the same "
                      "query.peer.key.file",
                      name_)};
    }
    bool fits = head.status == (request.offset > 0 ? 206U : 200U) && head.content_length;
    if (fits && size) {
      fits =
          *head.content_length == request.body_bytes_max &&
          (request.offset == 0 ||
           head.content_range == fmt::format("bytes {}-{}/{}", request.offset, *size - 1, *size));
    }
    if (fits && *head.content_length <= request.body_bytes_max) return {};
    return Error{ErrorCode::kInvalidRecord,
                 fmt::format("{}: {} is answered with status {} and other bytes than asked for",
                             name_, request.target, head.status)};
  }

  std::unique_ptr<HttpClient> client_;
  std::string name_;
  PeerIdentity self_;
};

}  // namespace

Result<std::unique_ptr<SnapshotOrigin>> open_http_origin(const std::string& endpoint,
                                                         HttpTimeouts timeouts,
                                                         std::stop_token stop, PeerIdentity self) {
  auto client = HttpClient::open(endpoint, timeouts, std::move(stop), self.tls);
  if (!client.ok()) return client.status();
  return std::unique_ptr<SnapshotOrigin>(
      std::make_unique<HttpOrigin>(std::move(*client), endpoint, std::move(self)));
}

}  // namespace millrace::engine
