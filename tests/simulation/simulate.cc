// The simulator's program. `--help` says what it takes.
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "runner.h"

namespace millrace::simulation {
namespace {

constexpr std::string_view kUsage =
    R"(Usage: simulate [--seed N] [--faults N | --minutes N | --worlds N]
                [--failures N] [--keep I,J,…] [--job NAME] [--without KIND,…] [--until KIND]
                [--workers N] [--log]

Runs worlds with the seeds N, N + 1, … and ends with "faults=… records=… failures=…"; exits with 1
when a world failed. A failure prints the seed, what was found, and the
fewest faults that lead to it.

  --seed N       the first seed; default: 1
  --faults N     until so many faults have struck; default: 2000
  --minutes N    for so long
  --worlds N     so many worlds
  --failures N   until so many worlds have failed; default: 10
  --keep I,J,…   one world, with those of its faults alone (as a failure prints them)
  --job NAME     this job only
  --without K,…  these kinds of faults never strike
  --until KIND   the kinds after this one in the table never strike: the worlds of a seed that was
                 written down before they came
  --workers N    worlds at a time; default: one a core
  --log          one world, in this process, with the engine's log on stderr
)";

struct Arguments {
  uint64_t seed = 1;
  int64_t faults = 2'000;
  int64_t minutes = 0;
  int64_t worlds = 0;
  std::optional<std::vector<size_t>> kept;
  ScriptOptions script;
  int64_t failures = 10;
  size_t workers = std::max(1U, std::thread::hardware_concurrency());
  bool has_log = false;
};

[[noreturn]] void refuse(std::string_view why) {
  fmt::print(stderr, "simulate: {} (try --help)\n", why);
  std::exit(2);
}

template <class Number>
Number number_from(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    refuse(fmt::format("'{}' is no number", text));
  }
  return number;
}

std::vector<std::string_view> parts_of(std::string_view list) {
  std::vector<std::string_view> parts;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    parts.push_back(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return parts;
}

Kind kind_from(std::string_view name) {
  if (const std::optional<Kind> kind = kind_of(name)) return *kind;
  refuse(fmt::format("there is no kind '{}'", name));
}

Arguments parse(const std::vector<std::string_view>& words) {
  Arguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view name = words[i];
    if (name == "--help") {
      fmt::print("{}", kUsage);
      std::exit(0);
    }
    if (name == "--log") {
      arguments.has_log = true;
      continue;
    }
    if (i + 1 == words.size()) refuse(fmt::format("'{}' needs a value", name));
    const std::string_view value = words[++i];
    if (name == "--seed") {
      arguments.seed = number_from<uint64_t>(value);
    } else if (name == "--faults") {
      arguments.faults = number_from<int64_t>(value);
    } else if (name == "--minutes") {
      arguments.minutes = number_from<int64_t>(value);
    } else if (name == "--worlds") {
      arguments.worlds = number_from<int64_t>(value);
    } else if (name == "--failures") {
      arguments.failures = number_from<int64_t>(value);
    } else if (name == "--workers") {
      arguments.workers = std::max<size_t>(1, number_from<size_t>(value));
    } else if (name == "--job") {
      arguments.script.job = value;
    } else if (name == "--keep") {
      arguments.kept.emplace();
      for (const std::string_view part : parts_of(value)) {
        arguments.kept->push_back(number_from<size_t>(part));
      }
    } else if (name == "--until") {
      for (size_t k = static_cast<size_t>(kind_from(value)) + 1; k < kKinds; ++k) {
        arguments.script.without.push_back(static_cast<Kind>(k));
      }
    } else if (name == "--without") {
      for (const std::string_view part : parts_of(value)) {
        arguments.script.without.push_back(kind_from(part));
      }
    } else {
      refuse(fmt::format("unknown argument '{}'", name));
    }
  }
  const std::vector<std::string> jobs = job_names();
  if (!arguments.script.job.empty() &&
      std::find(jobs.begin(), jobs.end(), arguments.script.job) == jobs.end()) {
    refuse(fmt::format("there is no job '{}'", arguments.script.job));
  }
  return arguments;
}

class Run {
 public:
  explicit Run(Arguments arguments) : arguments_(std::move(arguments)) {}

  int run() {
    if (arguments_.kept || arguments_.has_log) {
      run_one();
    } else {
      run_many();
      explain_failures();
    }
    fmt::print("{}\n", coverage_table(coverage_));
    fmt::print("last words of instances led to:");
    for (size_t i = 0; i < kOrders; ++i) {
      fmt::print(" {}={}", to_string(static_cast<Order>(i)), orders_.at(i));
    }
    fmt::print("\nworlds={} turns={} seeds={}..{}\n", worlds_, turns_, arguments_.seed,
               next_seed_ - 1);
    fmt::print("faults={} records={} failures={}\n", faults_, records_, failures_);
    return failures_ == 0 ? 0 : 1;
  }

 private:
  void run_one() {
    WorldScript script = make_script(arguments_.seed, arguments_.script);
    if (arguments_.kept) script = reduced(script, *arguments_.kept);
    fmt::print("seed {}: {}\n", script.seed, describe(script));
    for (const Strike& strike : script.strikes) fmt::print("  {}\n", describe(strike));
    std::fflush(stdout);
    next_seed_ = arguments_.seed + 1;
    if (arguments_.has_log) spdlog::set_level(spdlog::level::info);
    const Outcome outcome = arguments_.has_log ? World(script).run() : run_apart(script);
    add(outcome);
    if (outcome.failure) fmt::print("seed {}: {}\n", script.seed, *outcome.failure);
  }

  void run_many() {
    next_seed_ = arguments_.seed;
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(arguments_.minutes);
    run_all(
        arguments_.workers,
        [&](WorldScript& script) {
          const bool has_ended = failures_ >= arguments_.failures ||
                                 (arguments_.minutes > 0  ? std::chrono::steady_clock::now() >= end
                                  : arguments_.worlds > 0 ? worlds_begun_ >= arguments_.worlds
                                                          : faults_ >= arguments_.faults);
          if (has_ended) return false;
          ++worlds_begun_;
          script = make_script(next_seed_++, arguments_.script);
          return true;
        },
        [&](const WorldScript& script, const Outcome& outcome) {
          add(outcome);
          if (!outcome.failure) return;
          fmt::print("seed {}: {}\n", script.seed, *outcome.failure);
          std::fflush(stdout);
          failed_.push_back(script);
        });
  }

  /// Of the first few: the others are likely to be the same.
  void explain_failures() const {
    constexpr size_t kExplainedMax = 3;
    for (size_t i = 0; i < std::min(failed_.size(), kExplainedMax); ++i) {
      const WorldScript& script = failed_[i];
      const std::vector<size_t> kept = shrink(script);
      std::string list;
      for (const size_t index : kept) list += fmt::format("{}{}", list.empty() ? "" : ",", index);
      const Outcome outcome = run_apart(reduced(script, kept));
      fmt::print("seed {} with {} of {} faults: {}\n  {}\n", script.seed, kept.size(),
                 script.strikes.size(), outcome.failure.value_or("no failure"), describe(script));
      for (const size_t index : kept) fmt::print("  {}\n", describe(script.strikes[index]));
      fmt::print("  again: --seed {} --keep {}\n", script.seed, list.empty() ? "," : list);
      std::fflush(stdout);
    }
  }

  void add(const Outcome& outcome) {
    ++worlds_;
    faults_ += outcome.faults;
    records_ += outcome.records;
    turns_ += outcome.turns;
    failures_ += outcome.failure ? 1 : 0;
    for (size_t i = 0; i < kOrders; ++i) orders_.at(i) += outcome.orders.at(i);
    for (const auto& [what, times] : outcome.coverage) coverage_[what] += times;
  }

  const Arguments arguments_;
  uint64_t next_seed_ = 0;
  int64_t worlds_begun_ = 0;
  int64_t worlds_ = 0;
  int64_t faults_ = 0;
  int64_t records_ = 0;
  int64_t turns_ = 0;
  int64_t failures_ = 0;
  Coverage coverage_;
  std::array<int64_t, kOrders> orders_{};
  std::vector<WorldScript> failed_;
};

}  // namespace
}  // namespace millrace::simulation

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("simulation"));
  spdlog::set_level(spdlog::level::off);
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  return millrace::simulation::Run(millrace::simulation::parse(words)).run();
}
