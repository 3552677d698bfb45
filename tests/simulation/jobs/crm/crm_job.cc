#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "crm/account_topology.h"
#include "crm/children/child_topology.h"
#include "derived_checks.h"
#include "history.h"
#include "output_checks.h"
#include "tests/simulation/jobs/jobs.h"

namespace millrace::simulation {
namespace crm_job {
namespace {

using namespace crm;  // NOLINT(google-build-using-namespace): its vocabulary is the job's

constexpr int64_t kHourMs = 3'600'000;
/// For ever, as the oracle knows no end of the time in which parts of a transaction are put
/// together.
constexpr int64_t kInferenceMs = 24'000 * kHourMs;
/// A grace that is not over before all is at rest, unless some days pass.
constexpr int64_t kLongGraceMs = 50 * kHourMs;
/// The clock may be set by so much.
constexpr int64_t kClockStepMs = kHourMs;
/// Between two slices a world has time to be at rest.
constexpr int64_t kSliceIntervalMs = 600;
/// More than the pause between two slices of children that move.
constexpr int64_t kMoveMs = 10;
constexpr size_t kLinesMax = 4;

constexpr std::array kRawTopics{kRawTopic, kAccounts.name, kMergeFacts.name};
constexpr std::array kTables{kTerritoryModels.name,   kTerritories.name,
                             kTerritoryRules.name,    kRuleTerritories.name,
                             kManualTerritories.name, kTerritoryExclusions.name};

/// The whole CRM flow on the events of a random world.
class CrmJob final : public Job {
 public:
  explicit CrmJob(uint64_t seed) : history_(seed), options_(history_.world().options()) {
    options_.merge_inference_window_ms = kInferenceMs;
    if (options_.delete_grace_ms > 0 && seed % 2 == 0) options_.delete_grace_ms = kLongGraceMs;
    options_.territories.slice_accounts = 1 + seed % 3;
    options_.territories.slice_interval_ms = kSliceIntervalMs;
  }

  Result<Topology> topology() const override {
    return account_topology(history_.world().mapping(), options_);
  }
  std::map<std::string, bool> topics() const override {
    std::map<std::string, bool> topics{{std::string(kErasures.name), false},
                                       {std::string(kProductFeatures.name), true}};
    for (const std::string_view topic : kRawTopics) topics.emplace(topic, false);
    for (const std::string_view topic : kTables) topics.emplace(topic, true);
    for (const std::string_view topic : crm::kOutputs) {
      topics.emplace(topic, topic != kConflicts.name && topic != kErasureReports.name);
    }
    return topics;
  }
  std::vector<std::string> inputs() const override {
    std::vector<std::string> inputs(kRawTopics.begin(), kRawTopics.end());
    inputs.insert(inputs.end(), kTables.begin(), kTables.end());
    return inputs;
  }
  std::vector<std::string> outputs() const override { return Folds::topics(); }

  bool is_one_history() const override { return true; }
  std::vector<Input> make_inputs(Draws& draws, int64_t now_ms) override {
    return history_.next(draws, now_ms);
  }
  std::optional<Input> make_poison(int64_t now_ms) override {
    return Input{std::string(kRawTopic), fmt::format("poison-{}", poisons_++), "{", now_ms};
  }

  void accept(const TopicPartition& partition, const testing::StoredRecord& record) override {
    if (std::ranges::find(kTables, partition.topic) != kTables.end()) {
      folds_.take(partition, record);
    }
    const History::Event* const event = history_.accept(partition.topic, record);
    if (event == nullptr) return;
    checks_.accept(*event);
    if (const auto* change = std::get_if<RawChange>(event)) note_delete(*change, record);
  }
  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t now_ms) override {
    has_news_ = true;
    seen_ms_ = now_ms;
    folds_.take(partition, record);
    if (partition.topic == kAccountStates.name && record.value) {
      const auto& state = *flatbuffers::GetRoot<AccountState>(record.value->data());
      if (state.delete_pending()) due_ms_ = now_ms + options_.delete_grace_ms;
    }
    return checks_.check(partition.topic, record);
  }
  Finding check_commits() override {
    if (!std::exchange(has_news_, false)) return {};
    Problems problems;
    crm_job::check_commits(folds_, options_.unmerged_children, problems);
    return finding_of(problems);
  }
  bool is_settled() const override {
    return !folds_.has_key(kTerritoryRuleStore, "p") && !folds_.has_key(kTerritoryIndexStore, "p");
  }
  /// Children that are to move wait for a clock that was set back.
  int64_t due_ms() const override {
    return is_moving() ? std::max(due_ms_, seen_ms_ + kMoveMs) : due_ms_;
  }
  Finding check_end(int64_t now_ms) override;

 private:
  bool is_moving() const { return folds_.has_key(kChildMoveStore, ""); }
  void note_delete(const RawChange& change, const testing::StoredRecord& record);
  void expect_waits(const WholeFlow& actual, int64_t now_ms, WholeFlow& expected,
                    Problems& problems) const;
  static Finding finding_of(const Problems& problems);

  History history_;
  AccountOptions options_;
  OutputChecks checks_;
  Folds folds_;
  bool has_news_ = false;
  /// Accounts that were there before anybody deleted them, and when that came.
  std::map<std::string, int64_t> deleted_ms_;
  int64_t due_ms_ = 0;
  int64_t seen_ms_ = 0;  ///< the time of day at the last output
  int64_t poisons_ = 0;
};

Finding CrmJob::check_end(int64_t now_ms) {
  if (is_moving() && due_ms() >= now_ms) return {};
  Problems problems;
  const Events& events = history_.accepted();
  const WholeFlow actual = read_flow(folds_, problems);
  WholeFlow expected = expected_flow(events, history_.world().rules());
  expect_waits(actual, now_ms, expected, problems);
  for (std::string& line : differences(actual, expected)) problems.push_back(std::move(line));
  if (!std::ranges::includes(actual.splits, expected.splits)) {
    problems.emplace_back("a split was not reported");
  }
  check_territories(folds_, history_.rules(), problems);
  check_entitlements(folds_, now_ms, problems);
  return finding_of(problems);
}

void CrmJob::note_delete(const RawChange& change, const testing::StoredRecord& record) {
  if (change.entity != "Account" || change.type != ChangeType::Delete) return;
  const std::string id = change.internal_id();
  const std::string* const bytes = folds_.find(kAccountStates.name, id);
  if (bytes == nullptr) return;
  const auto& state = *flatbuffers::GetRoot<AccountState>(bytes->data());
  if (state.status() != AccountStatus::Active || state.delete_pending()) return;
  deleted_ms_.try_emplace(id, record.timestamp_ms);
}

/// Some deletes are not believed yet; some must not be.
void CrmJob::expect_waits(const WholeFlow& actual, int64_t now_ms, WholeFlow& expected,
                          Problems& problems) const {
  const Events& events = history_.accepted();
  const Rules& rules = history_.world().rules();
  std::set<std::string> victims;
  for (const OwnedMergeFact& fact : all_facts(events, rules)) {
    if (fact.kind == MergeFactKind::Merge) victims.insert(fact.victim);
  }
  for (auto& [root, state] : expected.states) {
    if (state.status != AccountStatus::Deleted) continue;
    const auto found = actual.states.find(root);
    if (found != actual.states.end() && found->second.delete_pending) {
      if (due_ms_ < now_ms) problems.push_back(root + " waits, and its time is over");
      state = waiting_state(events, rules, root);
      continue;
    }
    const auto deleted = deleted_ms_.find(root);
    if (deleted == deleted_ms_.end() || victims.contains(root)) continue;
    // Its timer fires at the latest time that there was, also if the clock was set back since.
    if (std::max(seen_ms_, now_ms) <
        deleted->second + options_.delete_grace_ms - 2 * kClockStepMs) {
      problems.push_back(root + " should still wait for a merge");
    }
  }
}

Finding CrmJob::finding_of(const Problems& problems) {
  if (problems.empty()) return {};
  const std::vector<std::string> first(
      problems.begin(),
      problems.begin() + static_cast<std::ptrdiff_t>(std::min(problems.size(), kLinesMax)));
  return fmt::format("{} contradictions:\n  {}", problems.size(), fmt::join(first, "\n  "));
}

}  // namespace
}  // namespace crm_job

std::unique_ptr<Job> make_crm_job(uint64_t seed) {
  return std::make_unique<crm_job::CrmJob>(seed);
}

}  // namespace millrace::simulation
