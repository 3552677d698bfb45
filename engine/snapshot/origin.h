#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "millrace/core/clock.h"
#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "engine/http/http_client.h"
#include "engine/http/peer_identity.h"
#include "engine/snapshot/manifest.h"

namespace millrace::engine {

/// Where a snapshot comes from. Check everything that it gives. Not thread-safe.
///
/// Errors of all methods: `kRetriable`: broken off, resume at the byte reached; `kTimedOut`: no
/// answer; `kAborted`: asked to stop; `kNotFound`: there is none, or no longer; others: try another
/// origin.
class SnapshotOrigin {
 public:
  using Sink = std::function<Status(std::string_view bytes)>;

  virtual ~SnapshotOrigin() = default;
  /// Text of the manifest of the newest snapshot of `task`, at most `kManifestBytesMax`.
  virtual Result<std::string> manifest(TaskId task) = 0;
  /// Feeds the bytes of a file from `offset` on, never more than to the size in the manifest. Ends
  /// at an error of `sink` and returns it.
  virtual Status read(const SnapshotManifest& manifest, const SnapshotFile& file, uint64_t offset,
                      const Sink& sink) = 0;
};

/// A peer's query server at `endpoint`, see `HttpClient::open`. With a key it also has to prove its
/// manifests. Error: `kInvalidArgument`.
Result<std::unique_ptr<SnapshotOrigin>> open_http_origin(const std::string& endpoint,
                                                         HttpTimeouts timeouts,
                                                         std::stop_token stop,
                                                         PeerIdentity self = {});
/// A directory as `SnapshotDirectory` keeps it.
std::unique_ptr<SnapshotOrigin> open_directory_origin(std::filesystem::path root,
                                                      std::stop_token stop,
                                                      const Clock& clock = system_clock());

}  // namespace millrace::engine
