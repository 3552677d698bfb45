#include "script.h"

#include <algorithm>
#include <array>
#include <memory>

#include <fmt/format.h>

#include "draws.h"
#include "jobs/job.h"
#include "storage/storage_script.h"

namespace millrace::simulation {
namespace {

constexpr int kStrikesMin = 10;
constexpr int kStrikesMax = 60;
constexpr int kStepsBetween = 8;
constexpr int kCallsMax = 40;
constexpr uint64_t kLimitsOneIn = 4;
constexpr uint64_t kLaterSalt = 0x94d049bb133111eb;
/// The CRM flow costs as much as some small jobs: one world in so many has it.
constexpr uint64_t kCrmOneIn = 5;
constexpr uint64_t kCrmSalt = 0xd6e8feb86659fd93;
/// One world in so many has windows or joins of the language.
constexpr uint64_t kLanguageOneIn = 4;
constexpr uint64_t kLanguageSalt = 0x589965cc75374cc3;
constexpr uint64_t kMembersSalt = 0xbea225f9eb34556d;
constexpr uint64_t kMembersOneIn = 4;
constexpr int64_t kMembersStrikesMax = 8;

/// Calls within which a kind can strike; the others strike between turns only.
bool strikes_in_calls(Kind kind) {
  switch (kind) {
    case Kind::kStop:
    case Kind::kPause:
    case Kind::kPoison:
    case Kind::kDay:
    case Kind::kForeignReport:
    case Kind::kDiskLost:
    case Kind::kDiskTorn:
    case Kind::kInputReplaced:
    case Kind::kUpgrade:
    case Kind::kRefusal:
    case Kind::kOddTime:
      return false;
    default:
      return true;
  }
}

/// Kinds after which a job has other inputs, topics or versions.
bool changes_what_jobs_know(Kind kind) {
  switch (kind) {
    case Kind::kInputGrown:
    case Kind::kTableGrown:
    case Kind::kInputReplaced:
    case Kind::kChangelogDeleted:
    case Kind::kForeignRow:
    case Kind::kUpgrade:
    case Kind::kRefusal:
    case Kind::kOddTime:
      return true;
    default:
      return false;
  }
}

std::string_view to_string(OnError policy) {
  return policy == OnError::kFail ? "fail" : policy == OnError::kSkip ? "skip" : "dead_letter";
}

bool needs_a_call(Kind kind) {
  return kind == Kind::kRequestLost || kind == Kind::kAnswerLost || kind == Kind::kAborted ||
         kind == Kind::kLate;
}

/// Instances ask for the members rarely, so these faults come beside the others.
void add_members(WorldScript& script, const ScriptOptions& options) {
  Draws draws(script.seed ^ kMembersSalt);
  const bool is_left_out =
      std::ranges::find(options.without, Kind::kMembersLost) != options.without.end();
  if (is_left_out || !draws.one_in(kMembersOneIn)) return;
  for (int64_t i = draws.between(1, kMembersStrikesMax); i > 0; --i) {
    Strike strike;
    strike.step = static_cast<int>(draws.below(static_cast<uint64_t>(script.steps)));
    strike.kind = Kind::kMembersLost;
    strike.victim = draws.below(script.instances);
    strike.calls = draws.one_in(2) ? static_cast<int>(draws.between(1, kCallsMax)) : 0;
    strike.salt = draws.salt();
    script.strikes.push_back(strike);
  }
  std::ranges::stable_sort(script.strikes, {}, &Strike::step);
}

}  // namespace

WorldScript make_script(uint64_t seed, const ScriptOptions& options) {
  Draws draws(seed);
  WorldScript script;
  script.seed = seed;
  const std::vector<std::string> jobs = small_job_names();
  script.job = draws.one_of(jobs);
  script.instances = 1 + draws.below(3);
  script.partitions = static_cast<int32_t>(draws.between(1, 4));
  script.standby_replicas = static_cast<int>(draws.below(3)) % 2;
  script.is_static = draws.one_in(2);
  script.on_disk = draws.one_in(12);
  script.slice_records = static_cast<int32_t>(draws.between(1, 20));
  script.commit_interval_ms = draws.between(1, 200);
  script.commit_bytes_max = draws.one_in(4) ? 500 : 64 << 20;
  // Kinds that came later draw apart: without them, the worlds of older seeds are the same.
  Draws later(seed ^ kLaterSalt);
  std::vector<Kind> kinds;
  for (size_t k = 0; k < kKinds; ++k) {
    const auto kind = static_cast<Kind>(k);
    if (is_of_storage(kind) || kind == Kind::kMembersLost) continue;
    // A world without some kinds gets deeper into the others.
    const bool is_of_disk = kind == Kind::kDiskLost || kind == Kind::kDiskTorn;
    Draws& from = kind > Kind::kDiskTorn ? later : draws;
    const bool is_left_out = from.one_in(4) || (is_of_disk && !script.on_disk);
    if (!is_left_out && std::ranges::find(options.without, kind) == options.without.end()) {
      kinds.push_back(kind);
    }
  }
  const auto has = [&](Kind kind) { return std::ranges::find(kinds, kind) != kinds.end(); };
  if (has(Kind::kRefusal) && later.one_in(kLimitsOneIn)) script.job = "limits";
  if (Draws languages(seed ^ kLanguageSalt); languages.one_in(kLanguageOneIn)) {
    script.job = languages.one_of(language_job_names());
  }
  if (Draws(seed ^ kCrmSalt).one_in(kCrmOneIn)) script.job = "crm";
  if (!options.job.empty()) script.job = options.job;
  const std::unique_ptr<Job> job = make_job(script.job, seed);
  if (job->is_one_history()) {
    std::erase_if(kinds, [](Kind kind) { return changes_what_jobs_know(kind); });
  }
  if (!job->may_grow()) std::erase(kinds, Kind::kInputGrown);
  // Half of the worlds have one version.
  script.has_upgrades = later.one_in(2) && has(Kind::kUpgrade);
  script.ends_upgraded = later.one_in(2);
  if (!script.has_upgrades) std::erase(kinds, Kind::kUpgrade);
  if (has(Kind::kRefusal)) {
    constexpr std::array kPolicies{OnError::kDeadLetter, OnError::kSkip, OnError::kFail};
    script.on_error = later.one_of(kPolicies);
  }
  const auto strikes = draws.between(kStrikesMin, kStrikesMax);
  script.steps = static_cast<int>(strikes + 1) * kStepsBetween;
  for (int64_t i = 0; i < strikes && !kinds.empty(); ++i) {
    Strike strike;
    strike.step = static_cast<int>(draws.below(static_cast<uint64_t>(script.steps)));
    strike.kind = draws.one_of(kinds);
    strike.victim = draws.below(script.instances);
    const bool in_call = draws.below(4) != 0;
    const int calls = static_cast<int>(draws.between(1, kCallsMax));
    strike.calls =
        needs_a_call(strike.kind) || (in_call && strikes_in_calls(strike.kind)) ? calls : 0;
    strike.salt = draws.salt();
    script.strikes.push_back(strike);
  }
  std::ranges::stable_sort(script.strikes, {}, &Strike::step);
  add_storage(script, options);
  add_members(script, options);
  return script;
}

WorldScript reduced(const WorldScript& script, const std::vector<size_t>& kept) {
  WorldScript fewer = script;
  fewer.strikes.clear();
  for (const size_t index : kept) {
    if (index < script.strikes.size()) fewer.strikes.push_back(script.strikes[index]);
  }
  return fewer;
}

std::string describe(const WorldScript& script) {
  return fmt::format(
      "job={} instances={} partitions={} standbys={} static={} disk={} slice={} commit_ms={} "
      "commit_bytes={} on_error={} upgrades={} {} steps={} strikes={}",
      script.job, script.instances, script.partitions, script.standby_replicas, script.is_static,
      script.on_disk, script.slice_records, script.commit_interval_ms, script.commit_bytes_max,
      to_string(script.on_error), script.has_upgrades, describe(script.storage), script.steps,
      script.strikes.size());
}

std::string describe(const Strike& strike) {
  const std::string where =
      strike.calls == 0 ? std::string("between turns") : fmt::format("in call {}", strike.calls);
  return fmt::format("step={} {} of instance {} {}", strike.step, to_string(strike.kind),
                     strike.victim, where);
}

}  // namespace millrace::simulation
