// Cost of territories: matching an account against compiled rules and by brute force, compiling,
// one change of a rule.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>
#include <time.h>

#include "millrace/core/assert.h"

#include "crm/territory/rules/matcher.h"
#include "crm/territory/rules/rule_set.h"
#include "territory_shapes.h"
#include "tests/unit/crm/territory/territory_oracle.h"

namespace millrace::crm::territory {
namespace {

constexpr size_t kAccounts = 2000;
constexpr size_t kOracleAccounts = 40;

std::vector<AccountField> view_of(const OracleAccount& account) {
  std::vector<AccountField> fields;
  for (const auto& [name, value] : account) fields.push_back({name, value});
  return fields;
}

/// Of this thread, so that the ratio holds on a busy machine too.
double cpu_seconds() {
  constexpr double kNanosecond = 1e-9;
  struct timespec now {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * kNanosecond;
}

size_t heap_bytes() {
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Both, with one answer checked by the other; made once a size, since brute force takes long.
struct World {
  explicit World(size_t territories) : changes(make_changes(territories)) {
    rules.apply(changes);
    for (const RuleSetChange& change : changes) oracle.apply(change);
    for (const OracleAccount& account : accounts) fields.push_back(view_of(account));
    Matcher matcher(rules);
    for (size_t i = 0; i < kOracleAccounts; ++i) {
      std::vector<std::string> found;
      for (const TerritoryIndex index : matcher.match(fields[i])) {
        found.push_back(rules.territories().id(index));
      }
      MILLRACE_ASSERT(found == oracle.match(accounts[i], {}), "compiled rules are wrong");
      matches += found.size();
    }
    MILLRACE_ASSERT(matches > 0, "no account of the sample is in a territory");
  }
  static World& of(size_t territories) {
    static std::map<size_t, std::unique_ptr<World>> worlds;
    auto& world = worlds[territories];
    if (world == nullptr) world = std::make_unique<World>(territories);
    return *world;
  }

  std::vector<RuleSetChange> changes;
  RuleSet rules;
  TerritoryOracle oracle;
  std::vector<OracleAccount> accounts = make_accounts(kAccounts);
  std::vector<std::vector<AccountField>> fields;
  size_t matches = 0;
  double match_seconds = 0;  ///< CPU, of one account
};

void match(benchmark::State& state) {
  World& world = World::of(static_cast<size_t>(state.range(0)));
  Matcher matcher(world.rules);
  size_t next = 0;
  size_t tried = 0;
  size_t found = 0;
  const double start = cpu_seconds();
  for (auto _ : state) {
    found += matcher.match(world.fields[next]).size();
    tried += matcher.rules_tried();
    next = (next + 1) % world.fields.size();
  }
  const auto accounts = static_cast<double>(state.iterations());
  world.match_seconds = (cpu_seconds() - start) / accounts;
  state.counters["rules_tried"] = static_cast<double>(tried) / accounts;
  state.counters["territories"] = static_cast<double>(found) / accounts;
}

void match_changed(benchmark::State& state) {
  World& world = World::of(static_cast<size_t>(state.range(0)));
  Matcher matcher(world.rules);
  std::vector<std::vector<TerritoryIndex>> before;
  for (const auto& fields : world.fields) {
    const auto found = matcher.match(fields);
    before.emplace_back(found.begin(), found.end());
  }
  const std::vector<std::string_view> changed{"AnnualRevenue"};
  size_t next = 0;
  for (auto _ : state) {
    const auto found = matcher.match_changed(world.fields[next], changed, before[next]);
    if (found.size() != before[next].size()) state.SkipWithError("wrong answer");
    next = (next + 1) % world.fields.size();
  }
}

/// To be run after `match` of the same size; the counter says how much faster that was.
void brute_force(benchmark::State& state) {
  World& world = World::of(static_cast<size_t>(state.range(0)));
  size_t next = 0;
  const double start = cpu_seconds();
  for (auto _ : state) {
    benchmark::DoNotOptimize(world.oracle.match(world.accounts[next], {}));
    next = (next + 1) % kOracleAccounts;
  }
  const double seconds = (cpu_seconds() - start) / static_cast<double>(state.iterations());
  state.counters["times_match"] = seconds / world.match_seconds;
}

void compile(benchmark::State& state) {
  const World& world = World::of(static_cast<size_t>(state.range(0)));
  size_t bytes = 0;
  for (auto _ : state) {
    const size_t before = heap_bytes();
    const auto rules = std::make_unique<RuleSet>();
    if (!rules->apply(world.changes).problems.empty()) state.SkipWithError("a rule is invalid");
    bytes = heap_bytes() - before;
  }
  state.counters["heap_bytes"] = static_cast<double>(bytes);
  state.counters["rules"] = static_cast<double>(world.rules.rules().rules().size());
}

/// A leaf's rule is replaced by one that says something else, and back.
void change_rule(benchmark::State& state) {
  const auto territories = static_cast<size_t>(state.range(0));
  World& world = World::of(territories);
  const size_t leaves = leaves_of(territories);
  Random random(3);
  size_t affected = 0;
  for (auto _ : state) {
    const size_t leaf = random.below(leaves);
    RuleSetChange other = area_rule((leaf + 1) % leaves, leaves);
    std::get<RuleDefinition>(other).id = fmt::format("b:area-{}", leaf);
    const RuleSetChange back = area_rule(leaf, leaves);
    affected += world.rules.apply({&other, 1}).affected.keys.size();
    affected += world.rules.apply({&back, 1}).affected.keys.size();
  }
  state.SetItemsProcessed(2 * state.iterations());
  state.counters["s/change"] =
      benchmark::Counter(2 * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["affected_keys"] =
      static_cast<double>(affected) / (2 * static_cast<double>(state.iterations()));
}

/// The rule that every territory below a country inherits, at its country: the dearest change.
void change_inherited(benchmark::State& state) {
  World& world = World::of(static_cast<size_t>(state.range(0)));
  const RuleSetChange remove = Removal{DefinitionKind::kAssociation, "b:of-country-0"};
  const RuleSetChange add =
      AssociationDefinition{"b:of-country-0", "b:of-country-0", "b:country-0", true};
  for (auto _ : state) {
    world.rules.apply({&remove, 1});
    world.rules.apply({&add, 1});
  }
}

constexpr int64_t kSmall = 1000;
constexpr int64_t kFull = 20'000;
BENCHMARK(match)->Arg(kSmall)->Arg(kFull)->Unit(benchmark::kMicrosecond);
BENCHMARK(match_changed)->Arg(kSmall)->Arg(kFull)->Unit(benchmark::kMicrosecond);
BENCHMARK(brute_force)->Arg(kSmall)->Arg(kFull)->Unit(benchmark::kMicrosecond);
BENCHMARK(compile)->Arg(kSmall)->Arg(kFull)->Unit(benchmark::kMillisecond);
BENCHMARK(change_rule)->Arg(kSmall)->Arg(kFull)->Unit(benchmark::kMicrosecond);
BENCHMARK(change_inherited)->Arg(kSmall)->Arg(kFull)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace millrace::crm::territory
