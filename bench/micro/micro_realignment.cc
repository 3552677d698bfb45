// Effect of a change of a tenth of all rules on live traffic: the time that an update of an account
// waits and takes while nothing else happens, and while accounts are matched again in slices. One
// task with all accounts, its state on disk; updates come at a fixed rate, whether the last one is
// done or not.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "millrace/core/assert.h"
#include "millrace/state/task_state.h"

#include "bench_state.h"
#include "crm/territory/account_territories.h"
#include "crm/territory/territory_assigner.h"
#include "territory_shapes.h"
#include "tests/unit/crm/territory/territory_oracle.h"
#include "tests/unit/temp_directory.h"

namespace millrace::crm::territory {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kUpdatesPerSecond = 500;
constexpr milliseconds kCommitInterval{100};
constexpr size_t kLoadCommit = 20'000;
constexpr size_t kChecked = 40;
constexpr size_t kCacheBytes = 64 << 20;

std::string root_of(size_t account) {
  return fmt::format("b:account-{:08}", account);
}

/// Name TAB value NEWLINE, for each field.
std::string to_row(const OracleAccount& account) {
  std::string row;
  for (const auto& [name, value] : account) row += name + '\t' + value + '\n';
  return row;
}

void read_row(std::string_view row, std::vector<AccountField>& fields) {
  while (!row.empty()) {
    const size_t tab = row.find('\t');
    const size_t end = row.find('\n');
    fields.push_back({row.substr(0, tab), row.substr(tab + 1, end - tab - 1)});
    row.remove_prefix(end + 1);
  }
}

/// A task: accounts, and what territories make of them.
class Task final : AccountSource {
 public:
  explicit Task(const std::filesystem::path& directory)
      : state_(open_bench_state(directory, kCacheBytes, {"accounts", "index", "rows"})) {
    territories_ = std::make_unique<AccountTerritories>(
        AccountTerritories::Stores{state_->store("index"), state_->store("rows")},
        static_cast<AccountSource&>(*this), FieldTypes{});
  }

  void load_rules(const std::vector<RuleSetChange>& definitions) {
    unit([&] { territories_->load(1, definitions, 1); });
  }
  void change_rules(const std::vector<RuleSetChange>& changes) {
    unit([&] { territories_->change(2, changes, 1); });
  }
  void put(size_t account, const OracleAccount& fields) {
    unit([&] {
      const std::string root = root_of(account);
      state_->store("accounts").put(root, to_row(fields), 1);
      territories_->align(root, 1, [this](Bytes, Bytes, Bytes) { ++differences_; });
    });
  }
  bool is_pending() const { return territories_->is_pending(); }
  size_t run_slice(size_t accounts_max) {
    size_t looked_at = 0;
    unit([&] {
      looked_at =
          territories_->run_slice(accounts_max, 1, [this](Bytes, Bytes, Bytes) { ++differences_; });
    });
    return looked_at;
  }
  void commit() {
    TaskPositions positions;
    positions.committed_at_ms = 1;
    state_->freeze();
    MILLRACE_ASSERT(state_->apply_frozen(positions).ok(), "a commit failed");
  }

  size_t differences() const { return differences_; }
  std::vector<std::string> territories_of(size_t account) {
    std::vector<std::string> found;
    const std::string prefix = root_of(account) + '\0';
    state_->begin_unit();
    {
      const auto rows = state_->store("rows").prefix(prefix);
      for (; rows->valid(); rows->next()) {
        found.emplace_back(rows->key().view().substr(prefix.size()));
      }
    }
    state_->end_unit();
    return found;
  }

 private:
  bool read(std::string_view root, AccountImage& image) override {
    const Row row = state_->store("accounts").get(root);
    if (!row) return false;
    account_.assign(row.value.view());
    read_row(account_, image.fields);
    return true;
  }
  template <class Work>
  void unit(Work&& work) {
    state_->begin_unit();
    work();
    state_->end_unit();
  }

  std::unique_ptr<TaskState> state_;
  std::unique_ptr<AccountTerritories> territories_;
  std::string account_;
  size_t differences_ = 0;
};

/// A tenth of the rules says something else: areas are those of the leaf before, segments are drawn
/// anew.
std::vector<RuleSetChange> change_tenth(size_t territories) {
  const size_t leaves = leaves_of(territories);
  Random random(5);
  std::vector<RuleSetChange> changes;
  for (size_t leaf = 0; leaf + 1 < leaves; leaf += 10) {
    RuleDefinition area = area_rule(leaf, leaves);
    area.id = fmt::format("b:area-{}", leaf + 1);
    changes.emplace_back(std::move(area));
    if (leaf % 20 == 0) changes.emplace_back(segment_rule(leaf, random));
  }
  return changes;
}

/// Updates of random accounts at a fixed rate, commits, and slices while there are any.
class Traffic {
 public:
  Traffic(Task& task, std::vector<OracleAccount>& sample, size_t accounts, uint64_t seed)
      : task_(task), sample_(sample), accounts_(accounts), random_(seed) {}

  /// For so long; with `until_aligned` until no work is left, but not longer than that either.
  void run(milliseconds time, bool until_aligned) {
    const auto start = Clock::now();
    const auto end = start + time;
    const auto gap = std::chrono::nanoseconds(std::chrono::seconds(1)) / kUpdatesPerSecond;
    auto update = start;
    auto slice = start;
    auto commit = start + kCommitInterval;
    for (auto now = start; now < end; now = Clock::now()) {
      if (until_aligned && !task_.is_pending()) break;
      if (now >= commit) {
        task_.commit();
        commit = Clock::now() + kCommitInterval;
      } else if (now >= slice) {
        if (task_.is_pending()) looked_at_ += task_.run_slice(options_.slice_accounts);
        slice = Clock::now() + milliseconds(options_.slice_interval_ms);
      } else if (now >= update) {
        change_one();
        latencies_.push_back(std::chrono::duration<double>(Clock::now() - update).count());
        update += gap;
      } else {
        std::this_thread::sleep_until(std::min({update, slice, commit}));
      }
    }
    seconds_ = std::chrono::duration<double>(Clock::now() - start).count();
  }

  double seconds() const { return seconds_; }
  size_t looked_at() const { return looked_at_; }
  double latency(double share) {
    std::ranges::sort(latencies_);
    const auto at = static_cast<size_t>(share * static_cast<double>(latencies_.size()));
    return latencies_.at(std::min(at, latencies_.size() - 1));
  }

 private:
  /// Accounts of the sample keep their fields, and are what they are checked with.
  void change_one() {
    const size_t account = random_.below(accounts_);
    OracleAccount fields = make_account(random_);
    if (account < sample_.size()) sample_[account] = fields;
    task_.put(account, fields);
  }

  Task& task_;
  std::vector<OracleAccount>& sample_;
  size_t accounts_;
  TerritoryOptions options_;
  Random random_;
  std::vector<double> latencies_;
  double seconds_ = 0;
  size_t looked_at_ = 0;
};

bool is_right(Task& task, const std::vector<OracleAccount>& sample,
              const std::vector<RuleSetChange>& rules, const std::vector<RuleSetChange>& changes) {
  TerritoryOracle oracle;
  for (const RuleSetChange& rule : rules) oracle.apply(rule);
  for (const RuleSetChange& change : changes) oracle.apply(change);
  size_t matches = 0;
  for (size_t i = 0; i < sample.size(); ++i) {
    const auto expected = oracle.match(sample[i], {});
    if (task.territories_of(i) != expected) return false;
    matches += expected.size();
  }
  return matches > 0;
}

/// range(0): accounts; range(1): territories; range(2): seconds of quiet traffic.
void realignment(benchmark::State& run) {
  const auto accounts = static_cast<size_t>(run.range(0));
  const auto territories = static_cast<size_t>(run.range(1));
  const milliseconds quiet_time = std::chrono::seconds(run.range(2));
  const auto rules = make_changes(territories);
  const auto changes = change_tenth(territories);
  for (auto _ : run) {
    const TempDirectory directory;
    Task task(directory.path());
    task.load_rules(rules);
    Random random(2);
    std::vector<OracleAccount> sample;
    for (size_t i = 0; i < accounts; ++i) {
      const OracleAccount account = make_account(random);
      if (i < kChecked) sample.push_back(account);
      task.put(i, account);
      if (i % kLoadCommit == kLoadCommit - 1) task.commit();
    }
    task.commit();

    // Compactions from the loading still run meanwhile.
    Traffic(task, sample, accounts, 6).run(quiet_time, false);
    Traffic quiet(task, sample, accounts, 7);
    quiet.run(quiet_time, false);

    const size_t before = task.differences();
    const auto start = Clock::now();
    task.change_rules(changes);
    run.counters["apply s"] = std::chrono::duration<double>(Clock::now() - start).count();
    Traffic busy(task, sample, accounts, 8);
    busy.run(quiet_time, true);
    run.counters["slices s"] = busy.seconds();
    run.counters["aligned/s"] = static_cast<double>(busy.looked_at()) / busy.seconds();
    size_t looked_at = busy.looked_at();
    while (task.is_pending()) {
      looked_at += task.run_slice(kLoadCommit);
      task.commit();
    }
    run.counters["aligned"] = static_cast<double>(looked_at);
    run.counters["changed rules"] = static_cast<double>(changes.size());
    run.counters["differences"] = static_cast<double>(task.differences() - before);
    for (const auto& [name, share] : {std::pair("p50", 0.5), std::pair("p99", 0.99)}) {
      run.counters[fmt::format("quiet {} s", name)] = quiet.latency(share);
      run.counters[fmt::format("busy {} s", name)] = busy.latency(share);
    }
    run.counters["p99 ratio"] = busy.latency(0.99) / quiet.latency(0.99);
    if (!is_right(task, sample, rules, changes)) run.SkipWithError("territories are wrong");
  }
}
BENCHMARK(realignment)
    ->ArgNames({"accounts", "territories", "seconds"})
    ->Args({2000, 1000, 1})
    ->Args({1'000'000, 20'000, 20})
    ->Iterations(1)
    ->Unit(benchmark::kSecond);

}  // namespace
}  // namespace millrace::crm::territory
