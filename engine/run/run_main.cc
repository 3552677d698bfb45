#include "millrace/engine/run_main.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "millrace/core/clock.h"
#include "millrace/engine/kafka_clients.h"

#include "engine/clients/clients.h"
#include "engine/config/config_cli.h"
#include "engine/config/help_pages.h"
#include "engine/config/memory_budget.h"
#include "engine/console/dead_letter_routes.h"
#include "engine/metrics/metric_table.h"
#include "engine/run/exit_codes.h"
#include "engine/run/query_settings.h"
#include "engine/run/readiness.h"
#include "engine/run/run_main_signals.h"
#include "engine/run/service_manager.h"
#include "engine/topics/internal_topics.h"

namespace millrace {
namespace {

constexpr int64_t kRetryPauseMinMs = 100;
constexpr int64_t kSleepSliceMs = 50;

struct Actions {
  bool describe = false;
  bool describe_mermaid = false;
  bool help_markdown = false;
  bool metrics_markdown = false;
};

int fail(ExitCode code, std::string_view message) {
  std::cerr << message << "\n";
  return static_cast<int>(code);
}

void set_up_logging(const std::string& level) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("millrace"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%-5l%$ %v");
  spdlog::set_level(spdlog::level::from_str(level));
  spdlog::flush_on(spdlog::level::info);
}

/// Tries while the broker is away, until it works, fails for good or a signal comes.
Status with_retries(const engine::SignalThread& signals, int64_t backoff_max_ms,
                    const std::function<Status()>& attempt) {
  for (int64_t pause_ms = kRetryPauseMinMs; !signals.stop_requested();) {
    Status status = attempt();
    if (status.ok() ||
        (status.code() != ErrorCode::kRetriable && status.code() != ErrorCode::kTimedOut)) {
      return status;
    }
    spdlog::warn("not ready to start, trying again pause_ms={}: {}", pause_ms, status.message());
    for (int64_t slept = 0; slept < pause_ms && !signals.stop_requested(); slept += kSleepSliceMs) {
      std::this_thread::sleep_for(std::chrono::milliseconds(kSleepSliceMs));
    }
    pause_ms = std::min(pause_ms * 2, backoff_max_ms);
  }
  return {};
}

class Program {
 public:
  Program(EngineOptions options, const RunExtras& extras)
      : options_(std::move(options)), extras_(extras), signals_(options_.shutdown_timeout_ms) {}

  Status run(Result<Topology> topology) {
    const Topology described = *topology;
    const Result<KafkaClients> clients = KafkaClients::create(options_);
    if (!clients.ok()) return usage_fault(clients.status());
    auto engine = Engine::create(std::move(topology), options_, clients->factory(), system_clock());
    if (!engine.ok()) return engine.status();
    auto server = serve(**engine, described);
    if (!server.ok()) return usage_fault(server.status());
    // Creates nothing on the brokers before the faults of this machine are known.
    Status status;
    if (extras_.new_topics) status = create(extras_.new_topics(options_), clients->factory());
    std::jthread beside;  // its end comes last, when that of the process is already limited
    if (status.ok()) {
      if (extras_.beside) {
        beside = std::jthread([this](const std::stop_token& stop) { run_beside(stop); });
      }
      signals_.on_stop([stop = beside.get_stop_source()]() mutable { stop.request_stop(); });
      status = turn_until_stop(**engine);
      signals_.on_stop({});
    }
    signals_.limit_end(status.ok() ? ExitCode::kOk : exit_code(status.error()));
    if (*server != nullptr) (*server)->stop();
    return status;
  }
  /// Whether the error that `run` returned is one of the configuration.
  bool is_usage_fault() const { return is_usage_fault_; }

 private:
  /// `Engine::run`, with news for the service manager between turns.
  Status turn_until_stop(Engine& engine) {
    const auto look = [&engine] {
      return engine::ServiceView{.is_ready = engine::reason_against(engine).empty(),
                                 .status = engine::status_line(engine)};
    };
    Status status;
    while (status.ok() && !signals_.stop_requested()) {
      status = engine.run_once();
      service_.turn(look);
    }
    // As much again for the end after a failure: see `limit_end`.
    service_.stop(status.ok() ? "stopping" : "failed: " + status.message(),
                  2 * options_.shutdown_timeout_ms);
    const Status closed = engine.close();
    return status.ok() ? closed : status;
  }

  Status create(const std::vector<NewTopic>& topics, engine::ClientFactory& clients) {
    if (topics.empty()) return {};
    return with_retries(signals_, options_.retry_backoff_max_ms, [&]() -> Status {
      service_.turn([] { return engine::ServiceView{.status = "creating topics"}; });
      const auto admin = clients.admin();
      return admin.ok() ? (*admin)->create_topics(topics) : admin.status();
    });
  }

  void run_beside(const std::stop_token& stop) {
    try {
      extras_.beside(options_, stop);
    } catch (const std::exception& error) {
      spdlog::error("the work beside the engine failed error=\"{}\"", error.what());
    }
  }

  Status usage_fault(Status status) {
    is_usage_fault_ = status.code() == ErrorCode::kConfig;
    return status;
  }

  Result<std::unique_ptr<QueryServer>> serve(Engine& engine, const Topology& topology) {
    if (options_.query_port == 0) return std::unique_ptr<QueryServer>();
    if (std::string fault = engine::tls_fault(options_); !fault.empty()) {
      return Error{ErrorCode::kConfig, std::move(fault)};
    }
    QueryServerOptions served = engine::server_options(options_);
    served.metrics = &engine.metrics();
    if (!options_.query_token_file.empty()) {
      auto tokens = follow_token_file(options_.query_token_file);
      if (!tokens.ok()) return tokens.status();
      served.tokens = *std::move(tokens);
    }
    served.peer_key = engine.peer_key();
    const bool has_personal_rows =
        extras_.has_personal_rows != nullptr && extras_.has_personal_rows();
    served.anonymous = engine::anonymous_rights(options_, has_personal_rows);
    auto server = std::make_unique<QueryServer>(std::move(served));
    add_engine_routes(*server, engine, topology,
                      extras_.row_masks ? extras_.row_masks() : RowMasks());
    if (const std::string letters = engine::dead_letter_topic(options_); !letters.empty()) {
      engine::add_dead_letter_route(*server, engine, letters);
    }
    if (extras_.add_routes) extras_.add_routes(*server, engine);
    const Result<int> port = server->start();
    if (!port.ok()) return port.status();
    const std::string endpoint = engine::advertised_endpoint(options_, *port);
    if (endpoint.empty()) {
      spdlog::warn(
          "other instances cannot ask this one: query.host = {} is no address of one "
          "machine; set query.advertised.host",
          options_.query_host);
    } else {
      engine.advertise(endpoint);
    }
    return server;
  }

  const EngineOptions options_;
  const RunExtras& extras_;
  engine::SignalThread signals_;
  engine::ServiceManager service_{engine::ServiceManager::environment(std::getenv), system_clock()};
  bool is_usage_fault_ = false;
};

void set_up_app(CLI::App& app, Actions& actions) {
  app.add_flag("--describe", actions.describe, "Print the topology as text and exit.");
  app.add_flag("--describe-mermaid", actions.describe_mermaid,
               "Print the topology as a Mermaid flowchart and exit.");
  app.add_flag("--help-markdown", actions.help_markdown,
               "Print the properties as a Markdown table and exit.");
  app.add_flag("--metrics-markdown", actions.metrics_markdown,
               "Print the engine's metrics as a Markdown table and exit.");
  app.footer("SIGTERM or SIGINT stops in an orderly way: commit, close, exit 0.\n\n" +
             engine::exit_codes_text());
  engine::add_help_pages(app);
}

int start(Result<Topology> topology, const ConfigTable& table, EngineOptions options,
          const RunExtras& extras) {
  set_up_logging(options.log_level);
  for (const std::string& warning : table.warnings()) spdlog::warn("{}", warning);
  for (const std::string& line : table.changed()) spdlog::info("property {}", line);
  Program program(std::move(options), extras);
  const Status status = program.run(std::move(topology));
  if (status.ok()) {
    spdlog::info("stopped");
    return static_cast<int>(ExitCode::kOk);
  }
  const ExitCode code = program.is_usage_fault() ? ExitCode::kUsage : exit_code(status.error());
  spdlog::critical("stopped error={} exit_code={}: {}", to_string(status.code()),
                   static_cast<int>(code), status.message());
  return static_cast<int>(code);
}

}  // namespace

ExitCode exit_code(const Error& error) {
  switch (error.code) {
    case ErrorCode::kConfig:
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
      return ExitCode::kTopology;
    case ErrorCode::kFenced:
      return ExitCode::kFenced;
    case ErrorCode::kInvalidRecord:
    case ErrorCode::kUserCode:
      return ExitCode::kRecord;
    case ErrorCode::kStoreIo:
      return ExitCode::kStore;
    case ErrorCode::kRefused:
      return ExitCode::kRefused;
    case ErrorCode::kRetriable:
    case ErrorCode::kTimedOut:
    case ErrorCode::kAborted:
    case ErrorCode::kNotReady:
      return ExitCode::kTemporary;
    case ErrorCode::kInternal:
      break;
  }
  return ExitCode::kInternal;
}

int run_main(Result<Topology> topology, int argc, char** argv, RunExtras extras) {
  // The id of an invalid topology does not matter, but properties are looked at first.
  const std::string name = topology.ok() ? topology->name() : "invalid";
  if (extras.description.empty())
    extras.description = fmt::format("Runs the topology \"{}\".", name);
  extras.set_defaults = [name,
                         set_defaults = std::move(extras.set_defaults)](EngineOptions& options) {
    options.application_id = name;
    if (set_defaults) set_defaults(options);
  };
  return run_main([&topology] { return std::move(topology); }, argc, argv, std::move(extras));
}

int run_main(const std::function<Result<Topology>()>& make_topology, int argc, char** argv,
             RunExtras extras) {
  EngineOptions options;
  if (extras.set_defaults) extras.set_defaults(options);
  ConfigTable table;
  if (extras.add_config) extras.add_config(table);
  add_engine_options(table, options);
  Actions actions;
  CLI::App app{extras.description.empty() ? "Runs a topology." : extras.description,
               std::filesystem::path(argc > 0 ? argv[0] : "").filename().string()};
  set_up_app(app, actions);
  engine::ConfigFlags flags(table, app);
  try {
    app.parse(flags.take_maps({argv + 1, argv + argc}));
  } catch (const CLI::ParseError& error) {
    const bool is_help = app.exit(error) == 0;
    return static_cast<int>(is_help ? ExitCode::kOk : ExitCode::kUsage);
  }
  if (actions.help_markdown) {
    std::cout << table.markdown();
    return static_cast<int>(ExitCode::kOk);
  }
  if (actions.metrics_markdown) {
    std::cout << engine::metrics_markdown();
    return static_cast<int>(ExitCode::kOk);
  }
  if (const Status status = flags.apply(environ); !status.ok()) {
    return fail(ExitCode::kUsage, status.message());
  }
  engine::divide_memory(table, engine::usable_memory_bytes(), options);
  Result<Topology> topology = make_topology();
  if (!topology.ok()) return fail(ExitCode::kTopology, topology.message());
  if (actions.describe || actions.describe_mermaid) {
    std::cout << (actions.describe ? topology->describe() : topology->describe_mermaid());
    return static_cast<int>(ExitCode::kOk);
  }
  return start(std::move(topology), table, std::move(options), extras);
}

}  // namespace millrace
