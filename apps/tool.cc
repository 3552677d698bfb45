#include "tool.h"

#include <iostream>
#include <utility>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "millrace/engine/run_main.h"

#include "engine/kafka/kafka_clients.h"

namespace millrace::apps {
namespace {

ConfigTable& with_connection(ConfigTable& table, EngineOptions& options) {
  add_connection_options(table, options);
  return table;
}

}  // namespace

Connection::Connection(CLI::App& app) : flags_(with_connection(table_, options_), app) {}

std::vector<std::string> Connection::take_maps(std::vector<std::string> arguments) {
  return flags_.take_maps(std::move(arguments));
}

Result<std::unique_ptr<engine::ClientFactory>> Connection::clients(const std::string& client_id) {
  MILLRACE_RETURN_IF_ERROR(flags_.apply(environ));
  return engine::make_kafka_clients({.bootstrap_servers = options_.bootstrap_servers,
                                     .application_id = client_id,
                                     .instance_id = "",
                                     .client_id = client_id,
                                     .properties = options_.kafka});
}

void set_up_tool_logging() {
  spdlog::set_default_logger(spdlog::stderr_color_mt("millrace"));
  spdlog::set_pattern("%^%l%$ %v");
  spdlog::set_level(spdlog::level::warn);
}

int tool_exit_code(const Status& status) {
  if (status.ok()) return static_cast<int>(ExitCode::kOk);
  std::cerr << status.message() << "\n";
  return static_cast<int>(exit_code(status.error()));
}

}  // namespace millrace::apps
