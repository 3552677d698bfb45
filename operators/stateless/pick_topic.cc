#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "millrace/operators/detail/operators.h"
#include "millrace/operators/detail/topology_draft.h"

#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

/// Its children are the sinks of `topics`, in that order.
class PickTopic final : public Processor {
 public:
  PickTopic(std::vector<std::string> topics, TopicPicker picker)
      : topics_(std::move(topics)), picker_(std::move(picker)) {}

  void process(const Record& record) override {
    if (drop_untaken_null(picker_, record, context())) return;
    const std::optional<std::string_view> topic = picker_.call(record.key, record.value);
    if (!topic) return context().count_dropped("no_topic");
    const auto found = std::find(topics_.begin(), topics_.end(), *topic);
    if (found == topics_.end()) {
      throw std::invalid_argument(
          fmt::format("the topic '{}' was picked, which to(...) does not name", *topic));
    }
    context().forward_to(static_cast<size_t>(found - topics_.begin()), record);
  }

 private:
  std::vector<std::string> topics_;
  TopicPicker picker_;
};

}  // namespace

void add_picked_sinks(const StreamCore& stream, std::vector<TopicUse> topics, TopicPicker picker,
                      const SinkOptions& options) {
  std::vector<std::string> names;
  for (const TopicUse& topic : topics) names.push_back(topic.name);
  const StreamCore picked =
      stream.then({.name = options.name, .operation = "pick_topic", .factory = [names, picker] {
                     return std::make_unique<PickTopic>(names, picker);
                   }});
  for (TopicUse& topic : topics) {
    SinkOptions sink = options;
    if (!sink.name.empty()) sink.name = fmt::format("{}.{}", options.name, topic.name);
    stream.draft->add_sink(picked.nodes, std::move(topic), std::move(sink));
  }
}

}  // namespace millrace::operators
