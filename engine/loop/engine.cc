#include "millrace/engine/engine.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "engine/loop/loop.h"
#include "engine/secrets/peer_key.h"

namespace millrace {
namespace {

Result<engine::LoopSecrets> load_secrets(const EngineOptions& options) {
  engine::LoopSecrets secrets;
  if (!options.dead_letter_key_file.empty()) {
    auto key = engine::SealingKey::load(options.dead_letter_key_file);
    if (!key.ok()) return key.status();
    secrets.letter_key = *std::move(key);
  }
  if (!options.query_peer_key_file.empty()) {
    Result<engine::PeerKey> key = engine::PeerKey::load(options.query_peer_key_file);
    if (!key.ok()) return key.status();
    secrets.peer_key = std::make_shared<const engine::PeerKey>(*std::move(key));
  }
  if (!options.query_tls_certificate_file.empty()) {
    auto tls = engine::open_client_tls(options.query_tls_authority_file);
    if (!tls.ok()) return tls.status();
    secrets.peer_tls = *std::move(tls);
  }
  return secrets;
}

}  // namespace

std::string_view to_string(EngineState state) {
  switch (state) {
    case EngineState::kStarting:
      return "starting";
    case EngineState::kRebalancing:
      return "rebalancing";
    case EngineState::kRestoring:
      return "restoring";
    case EngineState::kRunning:
      return "running";
    case EngineState::kStopping:
      return "stopping";
    case EngineState::kStopped:
      return "stopped";
    case EngineState::kFailed:
      return "failed";
  }
  return "unknown";
}

std::string_view to_string(CommitStep step) {
  switch (step) {
    case CommitStep::kBegin:
      return "begin";
    case CommitStep::kChangelogSent:
      return "changelog_sent";
    case CommitStep::kOffsetsSent:
      return "offsets_sent";
    case CommitStep::kTransactionCommitted:
      return "transaction_committed";
    case CommitStep::kTaskApplied:
      return "task_applied";
    case CommitStep::kDone:
      return "done";
  }
  return "unknown";
}

Result<std::unique_ptr<Engine>> Engine::create(Result<Topology> topology, EngineOptions options,
                                               engine::ClientFactory& clients, const Clock& clock,
                                               EngineHooks hooks) {
  if (!topology.ok()) return topology.status();
  if (!is_legal_name(options.application_id, kApplicationIdLengthMax)) {
    return Error{ErrorCode::kConfig,
                 fmt::format("application id '{}' has to be 1 to {} of a-z A-Z 0-9 . _ -",
                             options.application_id, kApplicationIdLengthMax)};
  }
  Result<engine::FailPoint> fail_point = engine::FailPoint::create(hooks.on_commit_step);
  if (!fail_point.ok()) return fail_point.status();
  Result<engine::LoopSecrets> secrets = load_secrets(options);
  if (!secrets.ok()) return secrets.status();
  Result<engine::StateDirectory> directory =
      engine::StateDirectory::open(options.state_dir, options.application_id, options.instance_id);
  if (!directory.ok()) return directory.status();
  return std::unique_ptr<Engine>(new Engine(std::make_unique<engine::Loop>(
      std::move(*topology), std::move(options), clients, clock, std::move(hooks),
      std::move(*directory), std::move(*fail_point), *std::move(secrets))));
}

Engine::Engine(std::unique_ptr<engine::Loop> loop) : loop_(std::move(loop)) {}
Engine::~Engine() = default;

Status Engine::run_once() {
  return loop_->run_once();
}

Status Engine::run() {
  Status status;
  while (status.ok() && !loop_->switches().stop_requested) status = loop_->run_once();
  const Status closed = loop_->close();
  return status.ok() ? closed : status;
}

void Engine::request_stop() {
  loop_->switches().stop_requested = true;
}

void Engine::advertise(std::string endpoint) {
  loop_->advertise(std::move(endpoint));
}

void Engine::pause() {
  loop_->switches().is_paused = true;
}

void Engine::resume() {
  loop_->switches().is_paused = false;
}

bool Engine::is_paused() const {
  return loop_->switches().is_paused;
}

void Engine::drain() {
  loop_->switches().is_draining = true;
}

bool Engine::is_drained() const {
  return loop_->switches().is_drained;
}

Status Engine::close() {
  return loop_->close();
}

Status Engine::commit() {
  return loop_->commit();
}

bool Engine::is_idle() const {
  return loop_->is_idle();
}

bool Engine::has_uncommitted() const {
  return loop_->has_uncommitted();
}

EngineState Engine::state() const {
  return loop_->switches().state;
}

const Queries& Engine::queries() const {
  return loop_->queries();
}

const QueryRouter& Engine::router() const {
  return loop_->router();
}

std::shared_ptr<const engine::PeerKey> Engine::peer_key() const {
  return loop_->peer_key();
}

std::filesystem::path Engine::snapshot_directory() const {
  return loop_->snapshot_directory();
}

Metrics& Engine::metrics() {
  return loop_->metrics();
}

}  // namespace millrace
