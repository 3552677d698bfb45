#include "apps/tools/tool.h"

#include <chrono>
#include <iostream>
#include <thread>
#include <utility>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "millrace/engine/run_main.h"

#include "engine/kafka/kafka_clients.h"

namespace millrace::apps {
namespace {

constexpr std::chrono::seconds kRetryTime{60};
constexpr std::chrono::milliseconds kRetryPause{500};

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

Status with_retries(const std::function<Status()>& attempt) {
  const auto end = std::chrono::steady_clock::now() + kRetryTime;
  while (true) {
    Status status = attempt();
    if (status.ok() || status.code() != ErrorCode::kRetriable ||
        std::chrono::steady_clock::now() >= end) {
      return status;
    }
    spdlog::warn("trying again: {}", status.message());
    std::this_thread::sleep_for(kRetryPause);
  }
}

void set_up_tool_logging() {
  spdlog::set_default_logger(spdlog::stderr_color_mt("millrace"));
  spdlog::set_pattern("%^%l%$ %v");
  spdlog::set_level(spdlog::level::warn);
}

int tool_exit_code(const Status& status) {
  if (status.ok()) return static_cast<int>(ExitCode::kOk);
  std::cerr << status.message() << "\n";
  const bool is_usage =
      status.code() == ErrorCode::kConfig || status.code() == ErrorCode::kInvalidArgument;
  return static_cast<int>(is_usage ? ExitCode::kUsage : exit_code(status.error()));
}

}  // namespace millrace::apps
