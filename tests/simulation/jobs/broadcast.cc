#include <deque>

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

class BroadcastJob final : public Job {
 public:
  Result<Topology> topology() const override {
    Chain chain;
    chain.source("facts").process("apply", {"apply-cursors"}, apply);
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
    }
  }

  /// Each fact is judged once, in its key's order, and no task goes back in a rule's versions.
  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t) override {
    const std::string value = record.value.value_or("");
    const std::string where = fmt::format("{}@{} says {}: {}", partition.to_string(), record.offset,
                                          record.key.value_or(""), value);
    const size_t space = value.rfind(' ');
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
    size_t& seen = seen_[{rule, fact.task}];
    while (seen < versions.size() && versions[seen] != version) ++seen;
    if (seen == versions.size()) return where + ", a version that the task was past";
    return {};
  }

  Finding check_end(int64_t) override {
    for (const auto& [key, waiting] : waiting_) {
      if (!waiting.empty())
        return fmt::format("'{}' of {} was not judged", waiting.front().text, key);
    }
    return {};
  }

 private:
  struct Fact {
    std::string text;
    int32_t task = 0;
  };
  std::vector<std::string>& versions_of(const std::string& rule) {
    return versions_.try_emplace(rule, 1, "none").first->second;
  }

  std::map<std::string, std::vector<std::string>> versions_;  ///< the first is "none"
  std::map<std::pair<std::string, int32_t>, size_t> seen_;
  std::map<std::string, std::deque<Fact>> waiting_;
  int64_t made_ = 0;
};

}  // namespace
}  // namespace broadcast_job

std::unique_ptr<Job> make_broadcast_job() {
  return std::make_unique<broadcast_job::BroadcastJob>();
}

}  // namespace millrace::simulation
