#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "millrace/core/topology.h"

namespace millrace {
namespace {

std::string_view kind_name(NodeKind kind) {
  switch (kind) {
    case NodeKind::kSource:
      return "source";
    case NodeKind::kProcessor:
      return "processor";
    case NodeKind::kExchange:
      return "exchange";
    case NodeKind::kSink:
      return "sink";
  }
  return "unknown";
}

std::string describe_use(const Node& node) {
  std::string text;
  if (node.kind == NodeKind::kProcessor) {
    if (!node.stores.empty()) text = fmt::format(" [stores: {}]", fmt::join(node.stores, ", "));
    if (!node.broadcasts.empty()) {
      text += fmt::format(" [broadcast tables: {}]", fmt::join(node.broadcasts, ", "));
    }
    return text;
  }
  text = fmt::format(" [{}: {} ({} -> {})", node.kind == NodeKind::kExchange ? "through" : "topic",
                     node.topic.name, node.topic.key.name, node.topic.value.name);
  if (node.partitions > 0) text += fmt::format(", {} partitions", node.partitions);
  if (node.partition_key) text += ", partitioned by a part of the key";
  if (node.partitioner) text += ", with a partitioner";
  if (node.coalesce) text += ", latest row per key and commit";
  return text + "]";
}

std::string describe_rows(const StoreSpec& store) {
  if (!store.timers) return fmt::format("{} -> {}", store.key.name, store.value.name);
  return *store.timers == TimeKind::kWall ? "timers, wall clock" : "timers, event time";
}

std::string mermaid_node(NodeIndex index, const Node& node) {
  switch (node.kind) {
    case NodeKind::kSource:
      return fmt::format("n{}[/\"{}\"/]", index, node.topic.name);
    case NodeKind::kProcessor:
      return fmt::format("n{}[\"{}\"]", index, node.name);
    case NodeKind::kExchange:
      return fmt::format("n{}{{{{\"{} (exchange)\"}}}}", index, node.topic.name);
    case NodeKind::kSink:
      return fmt::format("n{}[\\\"{}\"\\]", index, node.topic.name);
  }
  return {};
}

}  // namespace

std::string Topology::describe() const {
  std::string text = fmt::format("topology {}\n", name_);
  for (const Node& node : nodes_) {
    fmt::format_to(std::back_inserter(text), "  {} {}{}\n", kind_name(node.kind), node.name,
                   describe_use(node));
    for (const NodeIndex child : node.children) {
      fmt::format_to(std::back_inserter(text), "    -> {}\n", nodes_[child].name);
    }
  }
  for (const StoreSpec& store : stores_) {
    fmt::format_to(std::back_inserter(text), "  store {} [{}{}{}]\n", store.name,
                   describe_rows(store), store.changelog ? "" : ", no changelog",
                   store.in_memory ? ", in memory" : "");
  }
  for (const TopicUse& broadcast : broadcasts_) {
    fmt::format_to(std::back_inserter(text), "  broadcast {} [{} -> {}]\n", broadcast.name,
                   broadcast.key.name, broadcast.value.name);
  }
  return text;
}

std::string Topology::describe_mermaid() const {
  std::string text = "flowchart TD\n";
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    fmt::format_to(std::back_inserter(text), "  {}\n", mermaid_node(i, nodes_[i]));
  }
  for (size_t s = 0; s < stores_.size(); ++s) {
    fmt::format_to(std::back_inserter(text), "  s{}[(\"{}\")]\n", s, stores_[s].name);
  }
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    for (const NodeIndex child : nodes_[i].children) {
      fmt::format_to(std::back_inserter(text), "  n{} --> n{}\n", i, child);
    }
    for (const std::string& store : nodes_[i].stores) {
      const auto s = static_cast<size_t>(find_store(store) - stores_.data());
      fmt::format_to(std::back_inserter(text), "  n{} -.- s{}\n", i, s);
    }
  }
  return text;
}

}  // namespace millrace
