// Millrace's side of `compare.sh query`: an instance with its query server, until it is ended.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "millrace/engine/run_main.h"

#include "bench/job.h"

namespace millrace::bench {
namespace {

void add_config(ConfigTable& table, JobOptions& job) {
  table.add_string("bench.input", job.input, {.required = true}, "The topic to aggregate.");
  table.add_string("bench.output", job.output, {.required = true},
                   "The table; exists, with the input's partitions.");
}

/// How far the instance is: the peer's answers at the same path have the same form.
HttpAnswer progress(const Engine& engine, int64_t records) {
  const std::vector<TaskInfo> tasks = engine.queries().tasks();
  const auto running = std::ranges::count(tasks, TaskStage::kRunning, &TaskInfo::stage);
  return {.body = fmt::format(R"({{"records":{},"tasks":{}}})", records, running)};
}

int run(int argc, char** argv) {
  JobOptions job;
  std::atomic<int64_t> records = 0;
  RunExtras extras{
      .description = "Runs the aggregate and answers for its rows.",
      .add_config = [&job](ConfigTable& table) { add_config(table, job); },
      .add_routes =
          [&records](QueryServer& server, const Engine& engine) {
            server.route({.pattern = "/v1/progress",
                          .summary = "Records read so far, and tasks that run.",
                          .handler = [&engine, &records](const HttpRequest&) {
                            return progress(engine, records);
                          }});
          },
  };
  const auto count = [&records](Bytes) { records.fetch_add(1, std::memory_order_relaxed); };
  return run_main([&] { return aggregate_topology(job, count); }, argc, argv, std::move(extras));
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  return millrace::bench::run(argc, argv);
}
