#include <charconv>
#include <deque>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "jobs.h"
#include "small_nodes.h"

namespace millrace::simulation {
namespace broadcast_job {
namespace {

constexpr uint64_t kKeys = 12;
constexpr uint64_t kRules = 4;

/// An input's value is "<name> <rule>"; its output has the same key and "<name> <rule> <version>",
/// where a rule that is not there has the version "none".
void apply(ProcessorContext& context, const Record& record) {
  const std::string_view value = record.value.view();
  const std::string_view rule = value.substr(value.find(' ') + 1);
  const Row row = context.broadcast("rules").get(Bytes(rule));
  const std::string said = fmt::format("{} {}", value, row ? row.value.view() : "none");
  Record output = record;
  output.value = Bytes(said);
  context.forward(output);
}

/// Of a change, and of every rule after a reset: "<task> <old> <new>" under the rule, where the old
/// version is "?" when it is unknown.
void tell(ProcessorContext& context, Bytes rule, std::string_view old, Bytes version) {
  const std::string told = fmt::format("{} {} {}", context.task().partition, old,
                                       version.is_null() ? "none" : version.view());
  context.forward(
      {.key = rule, .value = Bytes(told), .old_value = {}, .timestamp_ms = 0, .headers = {}});
}

void tell_change(ProcessorContext& context, const BroadcastChange& change) {
  const std::string_view old = change.old_value.is_null() ? "none" : change.old_value.view();
  tell(context, change.key, change.is_old_known ? old : "?", change.value);
}

void tell_all(ProcessorContext& context, std::string_view table) {
  for (uint64_t i = 0; i < kRules; ++i) {
    const std::string rule = fmt::format("r{}", i);
    tell(context, Bytes(rule), "?", context.broadcast(table).get(Bytes(rule)).value);
  }
}

class BroadcastJob final : public Job {
 public:
  Result<Topology> topology() const override {
    Chain chain;
    chain.source("facts").process(
        "apply", {"apply-cursors"},
        {.process = apply, .on_change = tell_change, .on_reset = tell_all});
    Node& node = chain.last();
    node.cursors = "apply-cursors";
    node.broadcasts = {"rules"};
    chain.sink("judged");
    return chain.build("broadcast", {{.name = "apply-cursors", .key = {}, .value = {}}},
                       {text_topic("rules")});
  }
  std::map<std::string, bool> topics() const override {
    return {{"facts", false}, {"rules", true}, {"judged", false}};
  }
  std::vector<std::string> inputs() const override { return {"facts", "rules"}; }
  std::vector<std::string> outputs() const override { return {"judged"}; }

  std::vector<Input> make_inputs(Draws& draws, int64_t now_ms) override {
    std::vector<Input> inputs;
    for (uint64_t i = draws.below(10); i > 0; --i) {
      const std::string rule = fmt::format("r{}", draws.below(kRules));
      if (draws.one_in(5)) {
        std::optional<std::string> version;
        if (!draws.one_in(4)) version = fmt::format("v{}", made_++);
        inputs.push_back({"rules", rule, std::move(version), now_ms});
      } else {
        inputs.push_back({"facts", fmt::format("k{}", draws.below(kKeys)),
                          fmt::format("n{} {}", made_++, rule), now_ms});
      }
    }
    return inputs;
  }

  void accept(const TopicPartition& partition, const testing::StoredRecord& record) override {
    if (partition.topic == "rules") {
      versions_of(*record.key).push_back(record.value.value_or("none"));
    } else {
      waiting_[*record.key].push_back({*record.value, partition.partition});
      tasks_.insert(partition.partition);
    }
  }

  /// Each fact is judged once, in its key's order, and no task goes back in a rule's versions. A
  /// change has the old version that its task met last, or says that it does not know it.
  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t) override {
    const std::string value = record.value.value_or("");
    const std::string where = fmt::format("{}@{} says {}: {}", partition.to_string(), record.offset,
                                          record.key.value_or(""), value);
    const size_t space = value.rfind(' ');
    if (record.key.value_or("").starts_with('r')) return observe_change(where, *record.key, value);
    std::deque<Fact>& waiting = waiting_[record.key.value_or("")];
    if (space == std::string::npos || waiting.empty() ||
        waiting.front().text != value.substr(0, space)) {
      return where + ", which is not the key's next fact";
    }
    const Fact fact = waiting.front();
    waiting.pop_front();
    const std::string rule = fact.text.substr(fact.text.find(' ') + 1);
    const std::string version = value.substr(space + 1);
    const std::vector<std::string>& versions = versions_of(rule);
    size_t& seen = seen_[{rule, fact.task, partition.partition}];
    while (seen < versions.size() && versions[seen] != version) ++seen;
    if (seen == versions.size()) return where + ", a version that the task was past";
    return {};
  }

  Finding check_end(int64_t) override {
    for (const auto& [key, waiting] : waiting_) {
      if (!waiting.empty())
        return fmt::format("'{}' of {} was not judged", waiting.front().text, key);
    }
    for (const auto& [rule, versions] : versions_) {
      for (const int32_t task : tasks_) {
        const std::string& met = met_[{rule, task}];
        if (met != versions.back() && !(met.empty() && versions.back() == "none")) {
          return fmt::format("task {} met '{}' of {} last, not '{}'", task, met, rule,
                             versions.back());
        }
      }
    }
    return {};
  }

 private:
  Finding observe_change(const std::string& where, const std::string& rule,
                         const std::string& value) {
    int32_t task = -1;
    const char* const end = value.data() + value.size();
    const auto [rest, error] = std::from_chars(value.data(), end, task);
    const std::string_view versions(rest, static_cast<size_t>(end - rest));  // " <old> <new>"
    const size_t space = versions.find(' ', 1);
    if (error != std::errc() || space == std::string_view::npos) return where + ", no change";
    const std::string_view old = versions.substr(1, space - 1);
    std::string& met = met_.try_emplace({rule, task}, "none").first->second;
    if (old != "?" && old != met) return fmt::format("{}, but the task met {} last", where, met);
    met = versions.substr(space + 1);
    return {};
  }

  struct Fact {
    std::string text;
    int32_t task = 0;
  };
  std::vector<std::string>& versions_of(const std::string& rule) {
    return versions_.try_emplace(rule, 1, "none").first->second;
  }

  std::map<std::string, std::vector<std::string>> versions_;  ///< the first is "none"
  /// By rule, task and output partition: there is no order between partitions.
  std::map<std::tuple<std::string, int32_t, int32_t>, size_t> seen_;
  std::map<std::pair<std::string, int32_t>, std::string> met_;  ///< by rule and task; the last
  std::set<int32_t> tasks_;
  std::map<std::string, std::deque<Fact>> waiting_;
  int64_t made_ = 0;
};

}  // namespace
}  // namespace broadcast_job

std::unique_ptr<Job> make_broadcast_job() {
  return std::make_unique<broadcast_job::BroadcastJob>();
}

}  // namespace millrace::simulation
