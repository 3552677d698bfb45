#include <charconv>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "jobs.h"
#include "small_nodes.h"

namespace millrace::simulation {
namespace counting_job {
namespace {

constexpr uint64_t kKeys = 12;
constexpr uint64_t kGroups = 5;

/// Value of an input: "<group>:<name>", a name that no other input has. An output's key is the
/// group, and its value "<count>:<name>", or "=<count>:<number>" for the total at the end of a
/// commit, the group's so many-th.
constexpr char kTotalMark = '=';

std::string_view group_of(std::string_view value) {
  return value.substr(0, value.find(':'));
}
std::string_view name_of(std::string_view value) {
  return value.substr(value.find(':') + 1);
}

void regroup(ProcessorContext& context, const Record& record) {
  Record output = record;
  output.key = Bytes(group_of(record.value.view()));
  context.forward(output);
}

int64_t number_in(Bytes text) {
  int64_t number = 0;
  if (!text.is_null()) {
    std::from_chars(text.view().data(), text.view().data() + text.size(), number);
  }
  return number;
}

void count(ProcessorContext& context, const Record& record) {
  KeyValueStore& counts = context.store("counts");
  const std::string now = std::to_string(number_in(counts.get(record.key).value) + 1);
  counts.put(record.key, Bytes(now), record.timestamp_ms);
  const std::string said = fmt::format("{}:{}", now, name_of(record.value.view()));
  Record output = record;
  output.value = Bytes(said);
  context.forward(output);
}

/// Puts the total off to the end of the commit.
void note(ProcessorContext& context, const Record& record) {
  context.store("totals").put(record.key, Bytes(group_of(record.value.view())),
                              record.timestamp_ms);
  context.defer(record.key, record.timestamp_ms);
  context.forward(record);
}

void tell(ProcessorContext& context, const DeferredCall& call) {
  const std::string key = "told " + call.key.to_string();
  const int64_t number = number_in(context.store("totals").get(Bytes(key)).value) + 1;
  const std::string now = std::to_string(number);
  context.store("totals").put(Bytes(key), Bytes(now), call.timestamp_ms);
  const std::string said = fmt::format(
      "{}{}:{}", kTotalMark, context.store("totals").get(call.key).value.to_string(), number);
  context.forward({.key = call.key,
                   .value = Bytes(said),
                   .old_value = {},
                   .timestamp_ms = call.timestamp_ms,
                   .headers = {}});
}

class CountingJob final : public Job {
 public:
  Result<Topology> topology() const override {
    Chain chain;
    chain.source("events")
        .process("regroup", {}, {.process = regroup})
        .exchange("by-group")
        .process("count", {"counts"}, {.process = count})
        .process("total", {"totals"}, {.process = note, .on_deferred = tell})
        .sink("counted");
    return chain.build("counting", {text_store("counts"), text_store("totals")});
  }
  std::map<std::string, bool> topics() const override {
    return {{"events", false}, {"counted", false}};
  }
  std::vector<std::string> inputs() const override { return {"events"}; }
  std::vector<std::string> outputs() const override { return {"counted"}; }

  std::vector<Input> make_inputs(Draws& draws, int64_t now_ms) override {
    std::vector<Input> inputs;
    for (uint64_t i = draws.below(12); i > 0; --i) {
      inputs.push_back({"events", fmt::format("k{}", draws.below(kKeys)),
                        fmt::format("g{}:{}", draws.below(kGroups), made_++),
                        now_ms - draws.between(0, 1'000)});
    }
    return inputs;
  }

  void accept(const TopicPartition& partition, const testing::StoredRecord& record) override {
    Group& group = groups_[std::string(group_of(*record.value))];
    const std::string name(name_of(*record.value));
    group.waiting[partition.partition].push_back(name);
    from_[name] = partition.partition;
  }

  /// A group's outputs count from 1; what came from one partition keeps its order. A total is that
  /// of the outputs before it, and there is one a commit.
  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t) override {
    const std::string where = fmt::format("{}@{}", partition.to_string(), record.offset);
    Group& group = groups_[record.key.value_or("")];
    const std::string value = record.value.value_or("");
    if (value.starts_with(kTotalMark)) {
      const std::string expected = fmt::format("={}:{}", group.counted, ++group.totals);
      if (value == expected && !std::exchange(group.has_total, true)) return {};
      return fmt::format("{} says {}{}, and the total should be {}{}", where, *record.key, value,
                         expected, value == expected ? ", once" : "");
    }
    group.has_total = false;
    const std::string name(name_of(value));
    if (group_of(value) != std::to_string(++group.counted)) {
      return fmt::format("{} says {}={} as output number {} of the group", where, *record.key,
                         value, group.counted);
    }
    std::deque<std::string>& waiting = group.waiting[from_[name]];
    if (waiting.empty() || waiting.front() != name) {
      return fmt::format("{} says {}={}, the next input of its partition is {}", where, *record.key,
                         value, waiting.empty() ? "none" : waiting.front());
    }
    waiting.pop_front();
    return {};
  }

  Finding check_commits() override {
    for (const auto& [name, group] : groups_) {
      if (group.has_total) continue;
      return fmt::format("the commit of output number {} of group {} has no total", group.counted,
                         name);
    }
    return {};
  }

  Finding check_end(int64_t) override {
    for (const auto& [name, group] : groups_) {
      for (const auto& [partition, waiting] : group.waiting) {
        if (!waiting.empty()) {
          return fmt::format("{} inputs of group {} were not counted, the first is {}",
                             waiting.size(), name, waiting.front());
        }
      }
    }
    return {};
  }

 private:
  struct Group {
    int64_t counted = 0;
    int64_t totals = 0;
    bool has_total = true;                               ///< of all that is counted
    std::map<int32_t, std::deque<std::string>> waiting;  ///< by the input's partition
  };
  std::map<std::string, Group> groups_;
  std::map<std::string, int32_t> from_;
  int64_t made_ = 0;
};

}  // namespace
}  // namespace counting_job

std::unique_ptr<Job> make_counting_job() {
  return std::make_unique<counting_job::CountingJob>();
}

}  // namespace millrace::simulation
