#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "millrace/engine/engine.h"

#include "engine/clients/clients.h"

namespace CLI {
class App;
}

/// The common part of the programs of this folder that run an engine.
namespace millrace::bench {

struct JobOptions {
  EngineOptions engine;
  std::string input;
  std::string output;
  int64_t timeout_s = 600;
};

/// Name of the store with the aggregates.
inline constexpr const char* kStore = "totals";

/// --bootstrap, --application-id, --input, --output, --state-dir, --threads, --timeout-s.
void add_options(CLI::App& app, JobOptions& options);

/// Parses the command line, runs `job` and tells on standard error what failed. Returns the exit
/// code. Logs go to standard error, warnings and worse.
int run_job(CLI::App& app, int argc, char** argv, const std::function<Status()>& job);

/// input → aggregate by key, with a changelog → output. README.md has the bytes of keys, values and
/// rows. `observer` sees every key before its record is aggregated, on the task's thread.
Result<Topology> aggregate_topology(const JobOptions& options,
                                    std::function<void(Bytes key)> observer = {});

Result<std::unique_ptr<engine::ClientFactory>> make_clients(const EngineOptions& options);

/// CPU time of this process so far, user and system, all threads.
double cpu_seconds();
/// Largest resident set so far (VmHWM).
double peak_rss_mib();

}  // namespace millrace::bench
