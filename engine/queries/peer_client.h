#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/engine/http_route.h"

#include "engine/http/http_client.h"
#include "engine/http/peer_identity.h"
#include "engine/queries/row_question.h"
#include "engine/queries/watch_question.h"

namespace millrace::engine {

/// The path at which an instance answers `RowQuestion`s from its own state. It never asks others,
/// so no question goes in circles.
inline constexpr const char* kPeerRowsPath = "/v1/peer/rows";
/// The path at which it answers `WatchQuestion`s about the tasks that it runs.
inline constexpr const char* kPeerChangesPath = "/v1/peer/changes";
/// The path at which it says something of itself, such as its health, by a name as the body.
inline constexpr const char* kPeerViewsPath = "/v1/peer/views";
inline constexpr size_t kViewNameLengthMax = 64;

/// Asks other instances for rows and changes, over connections that it keeps for a while.
/// Thread-safe; a call blocks.
class PeerClient {
 public:
  /// Without a key it can ask nobody.
  explicit PeerClient(PeerIdentity self) : self_(std::move(self)) {}

  bool can_ask() const { return self_.key != nullptr; }
  /// Errors: `kRetriable`: the instance is away, or does not have the task; `kTimedOut`;
  /// `kRefused`: one of the two does not believe the other; `kInvalidArgument`; `kInvalidRecord`:
  /// nonsense, or an answer to another question. REQUIRES: `can_ask`.
  Result<RowReply> ask(const std::string& endpoint, const RowQuestion& question, Rights rights,
                       std::chrono::steady_clock::time_point deadline) const;
  /// Waits as long as the question says, and for the answer to arrive. Errors: as `ask`.
  Result<ChangeReply> watch(const std::string& endpoint, const WatchQuestion& question) const;
  /// A view of the instance by its name. Errors: as `ask`.
  Result<std::string> view(const std::string& endpoint, const std::string& name, Rights rights,
                           std::chrono::steady_clock::time_point deadline) const;

 private:
  struct Exchange {
    unsigned status = 0;
    std::string proof;
    std::string body;
  };
  using Connection = std::unique_ptr<HttpClient>;
  struct Idle {
    Connection connection;
    std::chrono::steady_clock::time_point since;
  };

  /// The body of a signed answer of 200 to a signed POST.
  Result<std::string> ask_signed(const std::string& endpoint, const char* target, std::string body,
                                 Rights rights, int64_t wait_ms) const;
  Status exchange(const std::string& endpoint, const HttpClient::Request& request,
                  Exchange& answer) const;
  Connection take_idle(const std::string& endpoint) const;
  void keep(const std::string& endpoint, Connection connection) const;

  const PeerIdentity self_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::vector<Idle>> idle_;  ///< by endpoint; the latest one last
};

}  // namespace millrace::engine
