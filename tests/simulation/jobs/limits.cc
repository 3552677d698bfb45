#include <charconv>
#include <deque>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "millrace/core/invalid_record.h"

#include "jobs.h"
#include "small_nodes.h"

namespace millrace::simulation {
namespace limits_job {
namespace {

constexpr uint64_t kKeys = 8;
constexpr const char* kBytesMax = "4000";
constexpr const char* kYearMs = "31536000000";
constexpr size_t kWide = 5'000;  ///< bytes that no topic here takes
constexpr size_t kPadding = 300;
/// Of the task: counts all its inputs, so that one that is undone badly shows in all later ones.
constexpr std::string_view kShelf = "shelf";

/// A number from `text`, and what follows it and a blank.
int64_t take_number(std::string_view& text) {
  int64_t number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  const size_t space = text.find(' ');
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return number;
}

std::string count_in(KeyValueStore& store, Bytes key, int64_t timestamp_ms) {
  int64_t count = 0;
  if (const Row row = store.get(key)) {
    std::string_view text = row.value.view();
    count = take_number(text);
  }
  std::string now = std::to_string(count + 1);
  store.put(key, Bytes(now), timestamp_ms);
  return now;
}

/// An input's value is "<what> <name>"; its output's is "<count of the task> <name> <padding>".
class Shelve final : public Processor {
 public:
  void process(const Record& record) override {
    const std::string_view value = record.value.view();
    const std::string_view what = value.substr(0, value.find(' '));
    KeyValueStore& store = context().store("shelved");
    const std::string count = count_in(store, Bytes(kShelf), record.timestamp_ms);
    count_in(store, record.key, record.timestamp_ms);
    if (what == "wide-row") {
      const std::string wide(kWide, 'x');
      store.put(record.key, Bytes(wide), record.timestamp_ms);
    }
    std::string said = fmt::format("{} {} ", count, value.substr(what.size() + 1));
    said.append(what == "large" ? kWide : kPadding, 'p');
    Record output = record;
    output.value = Bytes(said);
    if (what == "keyless") output.key = Bytes();
    if (what == "old") output.timestamp_ms = 1;
    if (what == "future") output.timestamp_ms = kEventTimeMaxMs;
    context().forward(output);
    if (what == "broken") throw InvalidRecord("it is broken");
    if (what == "thrown") throw std::runtime_error("somebody threw it");
  }
};

class LimitsJob final : public Job {
 public:
  Result<Topology> topology() const override {
    Chain chain;
    chain.source("parcels");
    Node& node = chain.add("shelve", NodeKind::kProcessor);
    node.stores = {"shelved"};
    node.factory = [] { return std::make_unique<Shelve>(); };
    chain.sink("shelves");
    return chain.build("limits", {text_store("shelved")});
  }
  std::map<std::string, bool> topics() const override {
    return {{"parcels", false}, {"shelves", true}};
  }
  std::map<std::string, Settings> settings() const override {
    return {{"shelves",
             {{"max.message.bytes", kBytesMax},
              {"message.timestamp.before.max.ms", kYearMs},
              {"message.timestamp.after.max.ms", kYearMs}}},
            {"app-shelved-changelog", {{"max.message.bytes", kBytesMax}}},
            {"app-dead-letters", {{"max.message.bytes", "3000"}, {"cleanup.policy", "delete"}}}};
  }
  std::vector<std::string> inputs() const override { return {"parcels"}; }
  std::vector<std::string> outputs() const override { return {"shelves"}; }

  std::vector<Input> make_inputs(Draws& draws, int64_t now_ms) override {
    std::vector<Input> inputs;
    for (uint64_t i = draws.below(16); i > 0; --i) {
      inputs.push_back({"parcels", fmt::format("k{}", draws.below(kKeys)),
                        fmt::format("good {}", made_++), now_ms - draws.between(0, 1'000)});
    }
    return inputs;
  }
  std::optional<Input> make_poison(int64_t now_ms) override {
    const int64_t number = poisons_++;
    return Input{"parcels", fmt::format("{}{}", kPoisonKey, number),
                 fmt::format("{} {}", number % 2 == 0 ? "broken" : "thrown", number), now_ms};
  }
  std::optional<Input> make_refused(Draws& draws, int64_t now_ms) override {
    static constexpr std::array<std::string_view, 5> kWhat{"keyless", "large", "old", "future",
                                                           "wide-row"};
    std::string value = fmt::format("{} {}", draws.one_of(kWhat), poisons_);
    // Its dead letter is larger than the letters' topic takes.
    if (draws.one_in(3)) value.append(kWide, 'w');
    return Input{"parcels", fmt::format("{}{}", kPoisonKey, poisons_++), std::move(value), now_ms};
  }
  bool takes_any_time() const override { return false; }

  void accept(const TopicPartition& partition, const testing::StoredRecord& record) override {
    const std::string name = record.value->substr(record.value->find(' ') + 1);
    waiting_[*record.key].push_back(name);
    tasks_[partition.partition].taken.push_back(name);
    from_[name] = partition.partition;
  }

  /// A key's outputs are those of its inputs, in their order.
  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t) override {
    std::string_view text = *record.value;
    const int64_t count = take_number(text);
    const std::string name = std::to_string(take_number(text));
    std::deque<std::string>& waiting = waiting_[record.key.value_or("")];
    if (waiting.empty() || waiting.front() != name) {
      return fmt::format("{}@{} is number {} of {}, which is not the key's next",
                         partition.to_string(), record.offset, name, record.key.value_or(""));
    }
    waiting.pop_front();
    Task& task = tasks_[from_[name]];
    if (!task.shelved.emplace(count, name).second) {
      return fmt::format("{}@{} is number {}, and there was one with the count {} before",
                         partition.to_string(), record.offset, name, count);
    }
    return {};
  }

  /// A task's outputs have the counts from 1 on, in the order of its inputs.
  Finding check_end(int64_t) override {
    for (const auto& [partition, task] : tasks_) {
      int64_t count = 0;
      for (const std::string& name : task.taken) {
        const auto shelved = task.shelved.find(++count);
        if (shelved != task.shelved.end() && shelved->second == name) continue;
        return fmt::format("task {} has {} with the count {}, and should have {}", partition,
                           shelved == task.shelved.end() ? "nothing" : shelved->second, count,
                           name);
      }
    }
    return {};
  }

 private:
  struct Task {
    std::vector<std::string> taken;
    std::map<int64_t, std::string> shelved;  ///< by count
  };
  std::map<int32_t, Task> tasks_;
  std::map<std::string, int32_t> from_;
  std::map<std::string, std::deque<std::string>> waiting_;  ///< by key
  int64_t made_ = 0;
  int64_t poisons_ = 0;
};

}  // namespace
}  // namespace limits_job

std::unique_ptr<Job> make_limits_job() {
  return std::make_unique<limits_job::LimitsJob>();
}

}  // namespace millrace::simulation
