#pragma once

#include <functional>
#include <memory>

#include "millrace/core/result.h"

#include "apps/tools/tool.h"

namespace millrace::apps {

/// A subcommand of `crm_workload`; `run` returns the exit code.
struct WorkloadCommand {
  CLI::App* app;
  std::function<int(Connection&)> run;
  std::unique_ptr<Connection> connection = std::make_unique<Connection>(*app);
};

/// `registry`: the history of an organisation registry.
WorkloadCommand add_registry(CLI::App& top);
/// `synthetic`: events made up from a seed, and their expected outputs.
WorkloadCommand add_synthetic(CLI::App& top);
/// `check`: topics against the outputs that `synthetic` expects.
WorkloadCommand add_check(CLI::App& top);

}  // namespace millrace::apps
