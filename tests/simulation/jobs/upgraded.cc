#include <charconv>
#include <deque>

#include <fmt/format.h>

#include "jobs.h"
#include "small_nodes.h"

namespace millrace::simulation {
namespace upgraded_job {
namespace {

constexpr uint64_t kKeys = 5;

/// An input's value is a name, and its output's "<count of the key> <name>".
class Note final : public Processor {
 public:
  void process(const Record& record) override {
    KeyValueStore& notes = context().store("notes");
    int64_t count = 0;
    if (const Row row = notes.get(record.key)) {
      const std::string_view text = row.value.view();
      std::from_chars(text.data(), text.data() + text.size(), count);
    }
    const std::string now = std::to_string(count + 1);
    notes.put(record.key, Bytes(now), record.timestamp_ms);
    const std::string said = fmt::format("{} {}", now, record.value.view());
    Record output = record;
    output.value = Bytes(said);
    context().forward(output);
  }
};

class UpgradedJob final : public Job {
 public:
  UpgradedJob(std::unique_ptr<Job> job, bool ends_upgraded)
      : job_(std::move(job)), ends_upgraded_(ends_upgraded) {}

  Result<Topology> topology() const override { return job_->topology(); }
  Result<Topology> next_topology() const override {
    const Result<Topology> topology = job_->topology();
    if (!topology.ok()) return topology;
    std::vector<Node> nodes = topology->nodes();
    const auto first = static_cast<NodeIndex>(nodes.size());
    Node source;
    source.name = "extras-in";
    source.kind = NodeKind::kSource;
    source.topic = text_topic("extras");
    source.children = {first + 1};
    Node note;
    note.name = "note";
    note.parents = {first};
    note.children = {first + 2};
    note.stores = {"notes"};
    note.factory = [] { return std::make_unique<Note>(); };
    Node sink;
    sink.name = "noted-out";
    sink.kind = NodeKind::kSink;
    sink.topic = text_topic("noted");
    sink.parents = {first + 1};
    for (Node* const node : {&source, &note, &sink}) nodes.push_back(std::move(*node));
    std::vector<StoreSpec> stores = topology->stores();
    for (StoreSpec& store : stores) {
      if (!store.timers) store.indexes.push_back(index_by_size(store.is_hidden));
    }
    stores.push_back(text_store("notes"));
    return Topology::create(topology->name(), std::move(nodes), std::move(stores),
                            topology->broadcasts());
  }
  std::map<std::string, bool> topics() const override {
    std::map<std::string, bool> topics = job_->topics();
    topics["extras"] = topics["noted"] = false;
    return topics;
  }
  std::map<std::string, Settings> settings() const override { return job_->settings(); }
  std::vector<std::string> inputs() const override { return with(job_->inputs(), "extras"); }
  std::vector<std::string> outputs() const override { return with(job_->outputs(), "noted"); }

  std::vector<Input> make_inputs(Draws& draws, int64_t now_ms) override {
    std::vector<Input> inputs = job_->make_inputs(draws, now_ms);
    for (uint64_t i = draws.below(4); i > 0; --i) {
      inputs.push_back(
          {"extras", fmt::format("e{}", draws.below(kKeys)), fmt::format("n{}", made_++), now_ms});
    }
    return inputs;
  }
  std::optional<Input> make_poison(int64_t now_ms) override { return job_->make_poison(now_ms); }
  std::optional<Input> make_refused(Draws& draws, int64_t now_ms) override {
    return job_->make_refused(draws, now_ms);
  }
  bool takes_any_time() const override { return job_->takes_any_time(); }

  void accept(const TopicPartition& partition, const testing::StoredRecord& record) override {
    if (partition.topic != "extras") return job_->accept(partition, record);
    keys_[*record.key].waiting.push_back(*record.value);
  }

  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t now_ms) override {
    if (partition.topic != "noted") return job_->observe(partition, record, now_ms);
    Key& key = keys_[record.key.value_or("")];
    const std::string wanted =
        fmt::format("{} {}", ++key.noted, key.waiting.empty() ? "none" : key.waiting.front());
    if (record.value != wanted) {
      return fmt::format("{}@{} says {}: {}, and the next is {}", partition.to_string(),
                         record.offset, record.key.value_or(""), record.value.value_or(""), wanted);
    }
    key.waiting.pop_front();
    return {};
  }

  Finding check_end(int64_t now_ms) override {
    for (const auto& [name, key] : keys_) {
      if (!ends_upgraded_ || key.waiting.empty()) continue;
      return fmt::format("{} of {} was not noted", key.waiting.front(), name);
    }
    return job_->check_end(now_ms);
  }
  int64_t due_ms() const override { return job_->due_ms(); }

 private:
  struct Key {
    int64_t noted = 0;
    std::deque<std::string> waiting;
  };
  static std::vector<std::string> with(std::vector<std::string> topics, const char* one_more) {
    topics.emplace_back(one_more);
    return topics;
  }

  const std::unique_ptr<Job> job_;
  const bool ends_upgraded_;
  std::map<std::string, Key> keys_;
  int64_t made_ = 0;
};

}  // namespace
}  // namespace upgraded_job

std::unique_ptr<Job> make_upgraded_job(std::unique_ptr<Job> job, bool ends_upgraded) {
  return std::make_unique<upgraded_job::UpgradedJob>(std::move(job), ends_upgraded);
}

}  // namespace millrace::simulation
