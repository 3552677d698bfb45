#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include <fmt/format.h>

#include "millrace/operators.h"

#include "oracle.h"
#include "tests/simulation/jobs/jobs.h"
#include "tests/simulation/jobs/values.h"

namespace millrace::simulation {
namespace windows_job {
namespace {

constexpr uint64_t kKeys = 6;
constexpr int64_t kLateMaxMs = 800;
constexpr int64_t kVeryLateMaxMs = 4'000;
constexpr int64_t kStepMaxMs = 300;
constexpr int64_t kClockBeginsMs = 1'700'000'000'000;
constexpr int64_t kSilenceMs = 20'000;
constexpr uint64_t kTimesSalt = 0x8cb92ba72f3d8dd7;

constexpr std::array kWindowed{kHops, kTumbles, kSessions, kFinalSessions};

using Key = std::string;
using Numbers = std::string;  ///< in the order in which they came, each behind a comma

Numbers append(int64_t number, Maybe<Numbers> so_far) {
  return fmt::format("{},{}", so_far ? *so_far : "", number);
}
Numbers connect(std::string_view first, std::string_view second) {
  return fmt::format("{}{}", first, second);
}
std::string pair_up(Maybe<int64_t> left, Maybe<int64_t> right) {
  return fmt::format("{}|{}", left ? std::to_string(*left) : "",
                     right ? std::to_string(*right) : "");
}

bool is_alone(std::string_view pair) {
  return pair.starts_with('|') || pair.ends_with('|');
}

class WindowsJob final : public Job {
 public:
  explicit WindowsJob(bool takes_any_time) : takes_any_time_(takes_any_time) {}

  Result<Topology> topology() const override {
    using std::chrono::milliseconds;
    TopologyBuilder builder{"windows"};
    const auto events = builder.stream(Topic<Key, int64_t>{"events"});
    const auto by_key = events.group_by_key();
    by_key
        .windowed_by(TimeWindows::of(milliseconds(kHopSizeMs))
                         .advance_by(milliseconds(kHopAdvanceMs))
                         .grace(milliseconds(kHopGraceMs)))
        .aggregate("hop-store", append)
        .to(Topic<Windowed<Key>, Numbers>{kHops});
    by_key.windowed_by(TimeWindows::of(milliseconds(kTumbleMs)).grace(milliseconds(kTumbleGraceMs)))
        .emit_final()
        .aggregate("tumble-store", append)
        .to(Topic<Windowed<Key>, Numbers>{kTumbles});
    const auto sessions =
        SessionWindows::of_inactivity_gap(milliseconds(kGapMs)).grace(milliseconds(kGapGraceMs));
    by_key.windowed_by(sessions)
        .aggregate("session-store", append, connect)
        .to(Topic<Windowed<Key>, Numbers>{kSessions});
    by_key.windowed_by(sessions)
        .emit_final()
        .aggregate("final-session-store", append, connect)
        .to(Topic<Windowed<Key>, Numbers>{kFinalSessions});
    events.filter(is_left)
        .outer_join(events.filter_not(is_left), pair_up,
                    JoinWindows::of_time_difference(milliseconds(kJoinBeforeMs))
                        .after(milliseconds(kJoinAfterMs))
                        .grace(milliseconds(kJoinGraceMs)),
                    {.name = "pair-store"})
        .to(Topic<Key, std::string>{kPairs});
    return std::move(builder).build();
  }
  std::map<std::string, bool> topics() const override {
    std::map<std::string, bool> topics{{"events", false}};
    for (const std::string& output : outputs()) topics[output] = is_table(output);
    return topics;
  }
  std::vector<std::string> inputs() const override { return {"events"}; }
  std::vector<std::string> outputs() const override {
    std::vector<std::string> topics(kWindowed.begin(), kWindowed.end());
    topics.emplace_back(kPairs);
    return topics;
  }
  bool takes_any_time() const override { return takes_any_time_; }

  /// On a clock of its own, which no fault sets back: else most records would be late.
  std::vector<Input> make_inputs(Draws& draws, int64_t) override {
    clock_ms_ += draws.one_in(60) ? kSilenceMs : draws.between(0, kStepMaxMs);
    std::vector<Input> inputs;
    for (uint64_t i = draws.below(12); i > 0; --i) {
      const int64_t late_ms = draws.between(0, draws.one_in(12) ? kVeryLateMaxMs : kLateMaxMs);
      inputs.push_back({"events", fmt::format("k{}", draws.below(kKeys)), bytes_of(made_++),
                        clock_ms_ - late_ms});
    }
    return inputs;
  }
  std::optional<Input> make_poison(int64_t) override {
    return Input{"events", fmt::format("{}{}", kPoisonKey, poisons_++), "no number", clock_ms_};
  }

  void accept(const TopicPartition& partition, const testing::StoredRecord& record) override {
    tasks_[partition.partition].add(*record.key, number_of(record.value).value(),
                                    std::min(record.timestamp_ms, kEventTimeMaxMs));
    task_of_[*record.key] = partition.partition;
  }

  /// A stream has a key's results each once and in their order; so have the alone ones of the join,
  /// which are put off to the end of a commit, among themselves. A table's row never goes back.
  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t) override {
    const std::string where = fmt::format("{}@{}", partition.to_string(), record.offset);
    const bool is_windowed = partition.topic != kPairs;
    Outcome said{"", record.value, record.timestamp_ms};
    std::string key = record.key.value_or("");
    std::string_view list = kPairs;
    if (is_windowed) {
      if (!Serde<Windowed<Key>>::validate(Bytes(key)).ok()) return where + " has no windowed key";
      said.window = std::move(key);
      key = Serde<Windowed<Key>>::view(Bytes(said.window)).key;
      list = *std::ranges::find(kWindowed, partition.topic);
    } else if (is_alone(said.value.value_or(""))) {
      list = kAlone;
    }
    const TaskOracle::Outcomes& outcomes = tasks_[task_of_[key]].outcomes();
    const std::string& filed = is_table(list) ? said.window : key;
    const auto wanted = outcomes.find({list, filed});
    const size_t size = wanted == outcomes.end() ? 0 : wanted->second.size();
    size_t& next = next_[{list, filed}];
    for (size_t i = next; i < size; ++i) {
      if (wanted->second[i] == said) {
        next = i + 1;
        return {};
      }
      if (!is_table(list)) break;
    }
    return fmt::format("{} says of {} {}, and the next is {}", where, key, describe(said),
                       next < size ? describe(wanted->second[next]) : "none");
  }

  Finding check_end(int64_t) override {
    for (const auto& [task, oracle] : tasks_) {
      for (const auto& [name, outcomes] : oracle.outcomes()) {
        const size_t next = next_[name];
        if (next == outcomes.size()) continue;
        // A row that came and went within a commit is not written.
        const bool is_absent = next == 0 || !outcomes[next - 1].value;
        if (is_table(name.first) && is_absent && !outcomes.back().value) continue;
        const Outcome& missing = is_table(name.first) ? outcomes.back() : outcomes[next];
        return fmt::format("task {} did not write {} to {} of {}", task, describe(missing),
                           name.first, name.second);
      }
    }
    return {};
  }

 private:
  const bool takes_any_time_;
  std::map<int32_t, TaskOracle> tasks_;
  std::map<Key, int32_t> task_of_;
  /// The place behind what was seen of a list.
  std::map<std::pair<std::string_view, std::string>, size_t> next_;
  int64_t clock_ms_ = kClockBeginsMs;
  int64_t made_ = 0;
  int64_t poisons_ = 0;
};

}  // namespace
}  // namespace windows_job

std::unique_ptr<Job> make_windows_job(uint64_t seed) {
  const bool takes_any_time = Draws(seed ^ windows_job::kTimesSalt).one_in(4);
  return std::make_unique<windows_job::WindowsJob>(takes_any_time);
}

}  // namespace millrace::simulation
