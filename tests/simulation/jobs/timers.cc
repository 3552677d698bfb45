#include <algorithm>
#include <charconv>
#include <deque>
#include <vector>

#include <fmt/format.h>

#include "jobs.h"
#include "small_nodes.h"

namespace millrace::simulation {
namespace timers_job {
namespace {

constexpr uint64_t kKeys = 15;
constexpr int64_t kDelayMaxMs = 3'000;
/// Of inputs whose times are the clock: so far they may be behind others.
constexpr int64_t kLateMaxMs = 500;
constexpr std::string_view kCancel = "cancel";
constexpr uint64_t kKindSalt = 0x2545f4914f6cdd1d;

/// An input's value is "<number> <time>" or "<number> cancel": the key's timer. Outputs of a key:
/// "did <input>" for each of its inputs, and "fired <time>".
std::string_view order_of(std::string_view value) {
  return value.substr(value.find(' ') + 1);
}
int64_t number_of(std::string_view text) {
  int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void say(ProcessorContext& context, Bytes key, const std::string& text, int64_t timestamp_ms) {
  context.forward({.key = key,
                   .value = Bytes(text),
                   .old_value = {},
                   .timestamp_ms = timestamp_ms,
                   .headers = {}});
}

void obey(ProcessorContext& context, const Record& record) {
  Timers& timers = context.timers("alarms");
  const std::string_view order = order_of(record.value.view());
  if (order == kCancel) {
    timers.cancel(record.key, 0);
  } else {
    timers.set(record.key, 0, number_of(order));
  }
  say(context, record.key, fmt::format("did {}", record.value.view()), record.timestamp_ms);
}

void fire(ProcessorContext& context, const Timer& timer) {
  say(context, timer.key, fmt::format("fired {}", timer.time_ms), timer.time_ms);
}

class TimersJob final : public Job {
 public:
  explicit TimersJob(TimeKind kind) : kind_(kind) {}

  Result<Topology> topology() const override {
    Chain chain;
    chain.source("orders")
        .process("obey", {"alarms"}, {.process = obey, .on_timer = fire})
        .sink("alarms-fired");
    return chain.build("timers", {{.name = "alarms", .key = {}, .value = {}, .timers = kind_}});
  }
  std::map<std::string, bool> topics() const override {
    return {{"orders", false}, {"alarms-fired", false}};
  }
  std::vector<std::string> inputs() const override { return {"orders"}; }
  std::vector<std::string> outputs() const override { return {"alarms-fired"}; }

  std::vector<Input> make_inputs(Draws& draws, int64_t now_ms) override {
    std::vector<Input> inputs;
    for (uint64_t i = draws.below(10); i > 0; --i) {
      const std::string what = draws.one_in(5)
                                   ? std::string(kCancel)
                                   : std::to_string(now_ms + draws.between(-50, kDelayMaxMs));
      inputs.push_back({"orders", fmt::format("k{}", draws.below(kKeys)),
                        fmt::format("{} {}", made_++, what),
                        is_wall() ? now_ms : now_ms - draws.between(0, kLateMaxMs)});
    }
    return inputs;
  }

  void accept(const TopicPartition& partition, const testing::StoredRecord& record) override {
    std::vector<int64_t>& times = times_[partition.partition];
    Alarm& alarm = alarms_[*record.key];
    alarm.partition = partition.partition;
    alarm.waiting.push_back({*record.value, times.size()});
    times.push_back(std::min(record.timestamp_ms, kEventTimeMaxMs));
    if (const int64_t time = number_of(order_of(*record.value)); is_wall() && time > due_ms_) {
      due_ms_ = time;
    }
  }

  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t now_ms) override {
    Alarm& alarm = alarms_[record.key.value_or("")];
    const std::string value = record.value.value_or("");
    const std::string where = fmt::format("{}@{} says {}: {}", partition.to_string(), record.offset,
                                          record.key.value_or(""), value);
    const std::string_view order = order_of(value);
    if (value.starts_with("did ")) {
      if (alarm.waiting.empty() || alarm.waiting.front().value != order) {
        return where + ", which is not the key's next input";
      }
      const std::string_view did = order_of(order);
      alarm.set_ms = did == kCancel ? -1 : number_of(did);
      alarm.set_by = alarm.waiting.front().place;
      alarm.waiting.pop_front();
      return {};
    }
    const int64_t time_ms = number_of(order);
    if (alarm.set_ms != time_ms) {
      return fmt::format("{}, but the timer that is set is {}", where, alarm.set_ms);
    }
    const int64_t clock_ms = is_wall() ? now_ms : latest_of(alarm, 0);
    if (clock_ms < time_ms) return fmt::format("{}, at {}", where, clock_ms);
    alarm.set_ms = -1;
    return {};
  }

  Finding check_end(int64_t now_ms) override {
    for (const auto& [key, alarm] : alarms_) {
      if (!alarm.waiting.empty())
        return fmt::format("{} of {} was not done", alarm.waiting.front().value, key);
      // Earlier inputs may be forgotten, with the offsets that kept their time.
      const int64_t clock_ms = is_wall() ? now_ms : latest_of(alarm, alarm.set_by);
      if (alarm.set_ms >= 0 && alarm.set_ms < clock_ms) {
        return fmt::format("the timer {} of {} has not fired at {}", alarm.set_ms, key, clock_ms);
      }
    }
    return {};
  }
  int64_t due_ms() const override { return due_ms_; }

 private:
  struct Waiting {
    std::string value;
    size_t place = 0;  ///< among the inputs of its partition
  };
  struct Alarm {
    int32_t partition = 0;
    std::deque<Waiting> waiting;
    int64_t set_ms = -1;  ///< as the outputs say; −1: none
    size_t set_by = 0;    ///< place of the input that set it
  };
  bool is_wall() const { return kind_ == TimeKind::kWall; }
  /// The latest time of the inputs that the key's task has, from one of them on; −1: it has none.
  int64_t latest_of(const Alarm& alarm, size_t from) const {
    const auto times = times_.find(alarm.partition);
    if (times == times_.end() || from >= times->second.size()) return -1;
    return *std::max_element(times->second.begin() + static_cast<std::ptrdiff_t>(from),
                             times->second.end());
  }

  const TimeKind kind_;
  std::map<std::string, Alarm> alarms_;
  std::map<int32_t, std::vector<int64_t>> times_;  ///< of all inputs, by partition
  int64_t due_ms_ = 0;
  int64_t made_ = 0;
};

}  // namespace
}  // namespace timers_job

std::unique_ptr<Job> make_timers_job(uint64_t seed) {
  const bool is_wall = Draws(seed ^ timers_job::kKindSalt).one_in(2);
  return std::make_unique<timers_job::TimersJob>(is_wall ? TimeKind::kWall : TimeKind::kStream);
}

}  // namespace millrace::simulation
