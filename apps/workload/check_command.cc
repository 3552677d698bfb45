#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "apps/synthetic/published.h"
#include "apps/tools/progress.h"
#include "apps/tools/topic_reader.h"
#include "apps/workload/workload_command.h"

namespace millrace::apps {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr const char* kHelp =
    R"(Compares the committed records of crm.account-state, crm.account-territories,
crm.entitlements and crm.redirects with the files of crm_workload synthetic --expected. Prints each
key that differs. Exit code 1: some do. For a share (--expected-share) it compares only keys of
accounts in the share.
)";
constexpr int kExitDifferent = 1;
constexpr int64_t kReadTimeoutMs = 600'000;
constexpr std::chrono::milliseconds kPause{500};

struct CheckOptions {
  std::string expected;
  int64_t wait_s = 0;
  size_t show = 20;
};

Status read_output(engine::ClientFactory& clients, synthetic::Output output,
                   const synthetic::Expectation& expectation, synthetic::Lines& lines) {
  const std::string topic(synthetic::kOutputs[static_cast<size_t>(output)].topic);
  Status valid;
  Progress progress;
  const auto visit = [&](int32_t partition, const engine::FetchedRecord& record) {
    if (progress.is_due())
      fmt::print(stderr, "reading topic={} records={}\n", topic, progress.steps());
    const std::string key = record.key.to_string();
    if (!expectation.share.contains(key)) return true;
    if (record.value.is_null()) {
      lines.erase(key);
      return true;
    }
    auto line = synthetic::published_line(output, record.value, expectation.as_of_ms);
    if (!line.ok()) {
      valid = Error{line.code(),
                    fmt::format("{}/{}@{}: {}", topic, partition, record.offset, line.message())};
      return false;
    }
    lines[key] = *std::move(line);
    return true;
  };
  MILLRACE_RETURN_IF_ERROR(read_topic(clients, topic, kReadTimeoutMs, visit));
  return valid;
}

Result<std::vector<synthetic::Difference>> find_differences(
    engine::ClientFactory& clients, const synthetic::Expectation& expected) {
  synthetic::FinalState published;
  for (size_t i = 0; i < published.size(); ++i) {
    MILLRACE_RETURN_IF_ERROR(
        read_output(clients, static_cast<synthetic::Output>(i), expected, published[i]));
  }
  return synthetic::differences(expected.state, published);
}

int report(const std::vector<synthetic::Difference>& found, const CheckOptions& options,
           const synthetic::Expectation& expected) {
  for (size_t i = 0; i < std::min(found.size(), options.show); ++i) {
    fmt::print("{}\n", synthetic::to_text(found[i]));
  }
  size_t rows = 0;
  for (const synthetic::Lines& lines : expected.state) rows += lines.size();
  fmt::print("checked rows={} differences={}\n", rows, found.size());
  return found.empty() ? 0 : kExitDifferent;
}

int check(const CheckOptions& options, Connection& connection) {
  const auto expected = synthetic::read_expectation(options.expected);
  if (!expected.ok()) return tool_exit_code(expected.status());
  auto clients = connection.clients("crm-check");
  if (!clients.ok()) return tool_exit_code(clients.status());
  const auto end = SteadyClock::now() + std::chrono::seconds(options.wait_s);
  while (true) {
    const auto found = find_differences(**clients, *expected);
    if (!found.ok()) return tool_exit_code(found.status());
    if (found->empty() || SteadyClock::now() >= end) return report(*found, options, *expected);
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

WorkloadCommand add_check(CLI::App& top) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* app = top.add_subcommand("check", kHelp);
  app->add_option("--expected", options->expected, "Folder that synthetic --expected wrote.")
      ->required();
  app->add_option("--wait", options->wait_s,
                  "Seconds to repeat the comparison while any keys differ.")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app->add_option("--show", options->show, "How many differences to print.")
      ->check(CLI::Range(size_t{0}, size_t{1'000'000}))
      ->capture_default_str();
  return {app, [options](Connection& connection) { return check(*options, connection); }};
}

}  // namespace millrace::apps
