// Writes CRM changes to Kafka, and checks what became of them. See README.md.

#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "millrace/engine/run_main.h"

#include "apps/tools/tool.h"
#include "apps/workload/workload_command.h"
#include "engine/config/help_pages.h"
#include "engine/run/exit_codes.h"

namespace millrace::apps {
namespace {

constexpr int kExitCodes[] = {0, 1, 2, 3, 5, 7, 70, 75};

int run(int argc, char** argv) {
  CLI::App app{"Writes CRM changes to Kafka, for trying out, testing and measuring Millrace.",
               "crm_workload"};
  app.require_subcommand(1);
  app.footer(engine::exit_codes_text(kExitCodes));
  engine::add_help_pages(app);
  std::vector<WorkloadCommand> commands;
  commands.push_back(add_registry(app));
  commands.push_back(add_synthetic(app));
  commands.push_back(add_check(app));
  // Whichever of them runs knows its kafka.* flags; what it takes away is the same for all.
  const std::vector<std::string> given(argv + 1, argv + argc);
  std::vector<std::string> arguments;
  for (WorkloadCommand& command : commands) arguments = command.connection->take_maps(given);
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  set_up_tool_logging();
  for (const WorkloadCommand& command : commands) {
    if (command.app->parsed()) return command.run(*command.connection);
  }
  return static_cast<int>(ExitCode::kUsage);
}

}  // namespace
}  // namespace millrace::apps

int main(int argc, char** argv) {
  return millrace::apps::run(argc, argv);
}
