// A program with an engine and a query server of its own instead of `run_main`.

#include <filesystem>
#include <fstream>
#include <iostream>

#include "millrace/core/clock.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/kafka_clients.h"
#include "millrace/engine/metrics.h"
#include "millrace/engine/query_server.h"

#include "activity_summaries.h"

namespace mr = millrace;

namespace {

/// A server whose callers are in a file, with a route that sends a file.
mr::Status serve_once(mr::Engine& engine, const mr::Topology& topology) {
  const std::filesystem::path tokens = "own_engine_tokens";
  std::ofstream(tokens) << "anonymous read\n";
  std::filesystem::permissions(tokens, std::filesystem::perms::owner_read);
  mr::QueryServerOptions options;
  options.metrics = &engine.metrics();
  auto callers = mr::follow_token_file(tokens);
  if (!callers.ok()) return callers.status();
  options.tokens = *std::move(callers);
  options.peer_key = engine.peer_key();
  mr::QueryServer server(std::move(options));
  mr::add_engine_routes(server, engine, topology);
  server.route({.pattern = "/v1/own-file",
                .summary = "A file.",
                .handler = [tokens](const mr::HttpRequest&) {
                  const auto file = mr::open_file(tokens);
                  return file.ok() ? mr::HttpAnswer{.file = *file} : mr::error_answer(file.error());
                }});
  const auto port = server.start();
  if (!port.ok()) return port.status();
  server.stop();
  std::filesystem::remove(tokens);
  return {};
}

}  // namespace

int main() {
  mr::EngineOptions options;
  options.application_id = "own-engine";
  const auto clients = mr::KafkaClients::create(options);
  if (!clients.ok()) {
    std::cerr << clients.message() << "\n";
    return 1;
  }
  const mr::Result<mr::Topology> topology = activity_summaries();
  const auto engine = mr::Engine::create(topology, options, clients->factory(), mr::system_clock());
  if (!engine.ok()) {
    std::cerr << engine.message() << "\n";
    return 1;
  }
  const auto starts = (*engine)->metrics().add_counter("own_engine_starts_total", "Starts.");
  if (!starts.ok()) {
    std::cerr << starts.message() << "\n";
    return 1;
  }
  starts->add();
  if (const mr::Status served = serve_once(**engine, *topology); !served.ok()) {
    std::cerr << served.message() << "\n";
    return 1;
  }
  // It asks no broker before its first turn, so this works without one.
  std::cout << to_string((*engine)->state()) << "\n";
  return 0;
}
