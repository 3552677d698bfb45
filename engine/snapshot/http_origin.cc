#include <optional>
#include <utility>

#include <fmt/format.h>

#include "engine/http/http_client.h"
#include "engine/snapshot/origin.h"

namespace millrace::engine {
namespace {

/// The query server of another instance.
class HttpOrigin final : public SnapshotOrigin {
 public:
  HttpOrigin(std::unique_ptr<HttpClient> client, std::string name)
      : client_(std::move(client)), name_(std::move(name)) {}

  Result<std::string> manifest(TaskId task) override {
    std::string text;
    const HttpClient::Request request{.target = "/v1/snapshots/" + task.to_string(),
                                      .body_bytes_max = kManifestBytesMax};
    MILLRACE_RETURN_IF_ERROR(client_->get(
        request, [&](const HttpClient::Head& head) { return check(request, head, {}); },
        [&](std::string_view bytes) {
          text.append(bytes);
          return Status();
        }));
    return text;
  }

  Status read(const SnapshotManifest& manifest, const SnapshotFile& file, uint64_t offset,
              const Sink& sink) override {
    const HttpClient::Request request{
        .target = fmt::format("/v1/snapshots/{}/{}/{}", manifest.task.to_string(),
                              manifest.snapshot, file.name),
        .offset = offset,
        .body_bytes_max = file.size - offset};
    return client_->get(
        request, [&](const HttpClient::Head& head) { return check(request, head, file.size); },
        sink);
  }

 private:
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
      return Error{ErrorCode::kRefused, fmt::format("{}: asks for another bearer token", name_)};
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
};

}  // namespace

Result<std::unique_ptr<SnapshotOrigin>> open_http_origin(const std::string& endpoint,
                                                         HttpTimeouts timeouts,
                                                         std::stop_token stop, std::string token) {
  auto client = HttpClient::open(endpoint, timeouts, std::move(stop), std::move(token));
  if (!client.ok()) return client.status();
  return std::unique_ptr<SnapshotOrigin>(
      std::make_unique<HttpOrigin>(std::move(*client), endpoint));
}

}  // namespace millrace::engine
