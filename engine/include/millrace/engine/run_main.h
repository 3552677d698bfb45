#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "millrace/core/new_topic.h"
#include "millrace/core/result.h"
#include "millrace/core/topology.h"
#include "millrace/engine/config_table.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/options.h"
#include "millrace/engine/query_server.h"
#include "millrace/engine/row_masks.h"

namespace millrace {

/// A program's additions to `run_main`. Every field may stay empty.
struct RunExtras {
  std::string description{};  ///< first lines of `--help`
  /// Adds properties of the program's own.
  std::function<void(ConfigTable&)> add_config{};
  /// Changes defaults before the sources are applied, e.g. the query port.
  std::function<void(EngineOptions&)> set_defaults{};
  /// Returns topics for `run_main` to create before the engine looks up its own; topics that exist
  /// stay as they are. Called once properties are known.
  std::function<std::vector<NewTopic>(const EngineOptions&)> new_topics{};
  /// Returns whether rows hold personal data; called once properties are known. If they do, only
  /// callers with the right to raw rows may read rows and snapshots as bytes. With a
  /// `query.token.file` that needs the right in any case.
  std::function<bool()> has_personal_rows{};
  /// Returns the stores whose rows callers without that right may see, as JSON; called once
  /// properties are known.
  std::function<RowMasks()> row_masks{};
  /// Adds routes beside those of `add_engine_routes`; the engine outlives the server.
  std::function<void(QueryServer&, const Engine&)> add_routes{};
  /// Runs once on a thread of its own beside the engine, after `new_topics`; the engine waits for
  /// nothing that it does. It has to return soon after a stop was requested. An exception is
  /// logged.
  std::function<void(const EngineOptions&, std::stop_token)> beside{};
};

/// Exit codes of a program that uses `run_main`. `--help` lists them.
enum class ExitCode : int {
  kOk = 0,             ///< stopped in an orderly way, or printed only help or a description
  kUsage = 2,          ///< command line or configuration
  kTopology = 3,       ///< topology or topics do not fit
  kFenced = 4,         ///< another process uses this instance id, or a copy of the state directory
  kRecord = 5,         ///< a record failed (invalid, or user code threw) and the policy is `fail`
  kStore = 6,          ///< a store's disk failed, is full or cannot be written
  kRefused = 7,        ///< the broker refused an output or a right
  kInternal = 70,      ///< a bug
  kTemporary = 75,     ///< the broker was away for too long; may work later
  kTooSlow = 124,      ///< an orderly stop took longer than shutdown.timeout.ms
  kInterrupted = 130,  ///< a second signal ended it at once
};

/// The code for an error that ended the engine.
ExitCode exit_code(const Error& error);

/// Everything between `main` and the engine: reads configuration (flags over environment over
/// `--config` file), sets up logging to stderr, serves queries, runs `topology` until SIGTERM or
/// SIGINT (commit, close, exit 0) or an error. `--help` shows all properties, `--describe` and
/// `--describe-mermaid` the topology. The application id defaults to the topology's name.
///
/// Blocks SIGTERM and SIGINT in the calling thread and ignores SIGPIPE. Call it once, from `main`.
int run_main(Result<Topology> topology, int argc, char** argv, RunExtras extras = {});
/// The same for a topology that depends on properties: `run_main` calls `make_topology` once these
/// are known, also for `--describe`. The application id has no default but that of `set_defaults`.
int run_main(const std::function<Result<Topology>()>& make_topology, int argc, char** argv,
             RunExtras extras = {});

}  // namespace millrace
