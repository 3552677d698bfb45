#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/engine/options.h"

#include "engine/clients/clients.h"
#include "engine/config/config_cli.h"

namespace millrace::apps {

/// The common part of the command-line tools: the connection to Kafka, logging that leaves stdout
/// alone, and the exit codes of `millrace/engine/run_main.h`.
class Connection {
 public:
  /// Adds `--bootstrap.servers`, `--kafka.*` and `--config` to `app`, which must outlive this.
  explicit Connection(CLI::App& app);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::vector<std::string> take_maps(std::vector<std::string> arguments);
  /// Applies file, environment and flags. `client_id` names the tool to the broker.
  Result<std::unique_ptr<engine::ClientFactory>> clients(const std::string& client_id);

 private:
  EngineOptions options_;
  ConfigTable table_;
  engine::ConfigFlags flags_;
};

/// Repeats an attempt that is `kRetriable` for up to a minute: a broker that just started, or is
/// busy.
Status with_retries(const std::function<Status()>& attempt);
/// Logs go to stderr, warnings and worse.
void set_up_tool_logging();
/// Prints the error, if there is one, to stderr; returns the exit code.
int tool_exit_code(const Status& status);

}  // namespace millrace::apps
