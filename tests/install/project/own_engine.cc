// A program with an engine of its own instead of `run_main`.

#include <iostream>

#include "millrace/core/clock.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/kafka_clients.h"
#include "millrace/engine/metrics.h"

#include "activity_summaries.h"

namespace mr = millrace;

int main() {
  mr::EngineOptions options;
  options.application_id = "own-engine";
  const auto clients = mr::KafkaClients::create(options);
  if (!clients.ok()) {
    std::cerr << clients.message() << "\n";
    return 1;
  }
  const auto engine =
      mr::Engine::create(activity_summaries(), options, clients->factory(), mr::system_clock());
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
  // It asks no broker before its first turn, so this works without one.
  std::cout << to_string((*engine)->state()) << "\n";
  return 0;
}
