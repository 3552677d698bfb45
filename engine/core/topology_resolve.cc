#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "millrace/core/topology.h"

namespace millrace {
namespace {

/// Union-find over nodes; a group becomes a sub-topology.
class Groups {
 public:
  explicit Groups(size_t nodes) : parent_(nodes) { std::iota(parent_.begin(), parent_.end(), 0U); }
  NodeIndex find(NodeIndex node) {
    while (parent_[node] != node) node = parent_[node] = parent_[parent_[node]];
    return node;
  }
  void join(NodeIndex a, NodeIndex b) {
    const auto [low, high] = std::minmax({find(a), find(b)});
    parent_[high] = low;
  }

 private:
  std::vector<NodeIndex> parent_;
};

class Resolver {
 public:
  Resolver(const Topology& topology, std::string_view application_id)
      : topology_(topology),
        nodes_(topology.nodes()),
        application_id_(application_id),
        groups_(topology.nodes().size()) {}

  Result<ResolvedTopology> run(
      const std::function<std::optional<int32_t>(const std::string&)>& partition_count) {
    join_direct_neighbours();
    MILLRACE_RETURN_IF_ERROR(count_sources(partition_count));
    MILLRACE_RETURN_IF_ERROR(count_broadcasts(partition_count));
    MILLRACE_RETURN_IF_ERROR(count_explicit_exchanges());
    MILLRACE_RETURN_IF_ERROR(count_derived_exchanges());
    join_local_exchanges();
    return collect();
  }

 private:
  /// Everything but the way into an exchange, which may be a topic, and users of the same store.
  void join_direct_neighbours() {
    std::map<std::string_view, NodeIndex> store_user;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      for (const NodeIndex child : nodes_[i].children) {
        if (nodes_[child].kind != NodeKind::kExchange) groups_.join(i, child);
      }
      for (const std::string& store : nodes_[i].stores) {
        groups_.join(i, store_user.emplace(store, i).first->second);
      }
    }
  }

  Status count_sources(
      const std::function<std::optional<int32_t>(const std::string&)>& partition_count) {
    std::vector<std::string> missing;
    std::map<NodeIndex, NodeIndex> first_source;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      if (node.kind != NodeKind::kSource) continue;
      const std::optional<int32_t> count = partition_count(node.topic.name);
      if (!count) {
        missing.push_back(fmt::format("'{}' (read by node '{}')", node.topic.name, node.name));
        continue;
      }
      counts_[i] = *count;
      const auto [first, is_new] = first_source.emplace(groups_.find(i), i);
      if (is_new) {
        group_counts_[groups_.find(i)] = *count;
      } else if (counts_[first->second] != *count) {
        return not_co_partitioned(first->second, i);
      }
    }
    if (missing.empty()) return {};
    return Error{
        ErrorCode::kConfig,
        fmt::format("source topics do not exist: {}. Create them first", fmt::join(missing, ", "))};
  }

  Status count_broadcasts(
      const std::function<std::optional<int32_t>(const std::string&)>& partition_count) {
    for (const TopicUse& broadcast : topology_.broadcasts()) {
      const std::optional<int32_t> count = partition_count(broadcast.name);
      if (!count) {
        return Error{ErrorCode::kConfig,
                     fmt::format("broadcast topic '{}' does not exist. Create it first, compacted",
                                 broadcast.name)};
      }
      broadcast_counts_.emplace_back(broadcast.name, *count);
    }
    return {};
  }

  Status count_explicit_exchanges() {
    std::map<NodeIndex, NodeIndex> deciding;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      if (node.kind == NodeKind::kSource) deciding.emplace(groups_.find(i), i);
    }
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      if (node.kind != NodeKind::kExchange || node.partitions == 0) continue;
      counts_[i] = node.partitions;
      const NodeIndex group = groups_.find(i);
      const auto [first, is_new] = deciding.emplace(group, i);
      if (is_new) {
        group_counts_[group] = node.partitions;
      } else if (group_counts_[group] != node.partitions) {
        return not_co_partitioned(first->second, i);
      }
    }
    return {};
  }

  /// An exchange that asks for no count has as many partitions as its group, or, when nothing else
  /// decides the group's, as the widest group that feeds the group's exchanges.
  Status count_derived_exchanges() {
    for (bool changed = true; changed;) {
      changed = false;
      for (NodeIndex i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].kind != NodeKind::kExchange || group_counts_.contains(groups_.find(i))) {
          continue;
        }
        if (const int32_t fed = widest_feed(groups_.find(i)); fed > 0) {
          group_counts_[groups_.find(i)] = fed;
          changed = true;
        }
      }
    }
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (!group_counts_.contains(groups_.find(i))) {
        return Error{ErrorCode::kConfig,
                     fmt::format("node '{}' is fed by no source", nodes_[i].name)};
      }
    }
    return {};
  }

  /// Zero while a feeding group's own count is not known yet.
  int32_t widest_feed(NodeIndex group) {
    int32_t widest = 0;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].kind != NodeKind::kExchange || groups_.find(i) != group) continue;
      for (const NodeIndex parent : nodes_[i].parents) {
        const auto count = group_counts_.find(groups_.find(parent));
        if (count == group_counts_.end()) return 0;
        widest = std::max(widest, count->second);
      }
    }
    return widest;
  }

  void join_local_exchanges() {
    const auto counts_before = group_counts_;
    Groups before = groups_;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].kind != NodeKind::kExchange) continue;
      counts_[i] = counts_before.at(before.find(i));
      for (const NodeIndex parent : nodes_[i].parents) {
        if (counts_before.at(before.find(parent)) == counts_[i]) groups_.join(i, parent);
      }
    }
    for (const auto& [group, count] : counts_before) group_counts_[groups_.find(group)] = count;
  }

  ResolvedTopology collect() {
    ResolvedTopology resolved;
    std::map<NodeIndex, int32_t> index_of_group;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      const NodeIndex group = groups_.find(i);
      const auto [place, is_new] =
          index_of_group.emplace(group, static_cast<int32_t>(resolved.sub_topologies.size()));
      if (is_new) {
        SubTopology& sub = resolved.sub_topologies.emplace_back();
        sub.index = place->second;
        sub.partitions = group_counts_.at(group);
      }
    }
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      place_node(i, index_of_group, resolved);
    }
    resolved.broadcast_partitions = broadcast_counts_;
    return resolved;
  }

  void place_node(NodeIndex i, const std::map<NodeIndex, int32_t>& index_of_group,
                  ResolvedTopology& resolved) {
    const Node& node = nodes_[i];
    const auto home = static_cast<size_t>(index_of_group.at(groups_.find(i)));
    SubTopology& sub = resolved.sub_topologies[home];
    sub.nodes.push_back(i);
    for (const NodeIndex parent : node.parents) {
      const auto other = static_cast<size_t>(index_of_group.at(groups_.find(parent)));
      std::vector<NodeIndex>& nodes = resolved.sub_topologies[other].nodes;
      if (other != home && (nodes.empty() || nodes.back() != i)) nodes.push_back(i);
    }
    if (node.kind == NodeKind::kSource) {
      sub.sources.push_back(i);
      resolved.topic_partitions.emplace_back(node.topic.name, counts_[i]);
    } else if (node.kind == NodeKind::kExchange) {
      sub.sources.push_back(i);
      const std::string topic = exchange_topic_name(application_id_, node.topic.name);
      resolved.topic_partitions.emplace_back(topic, counts_[i]);
      resolved.internal_topics.push_back({topic, counts_[i], false});
    }
    for (const std::string& store : node.stores) {
      if (std::find(sub.stores.begin(), sub.stores.end(), store) != sub.stores.end()) continue;
      sub.stores.push_back(store);
      if (!topology_.find_store(store)->changelog) continue;
      resolved.internal_topics.push_back(
          {changelog_topic_name(application_id_, store), sub.partitions, true});
    }
  }

  Status not_co_partitioned(NodeIndex a, NodeIndex b) {
    return Error{ErrorCode::kConfig,
                 fmt::format("nodes '{}' ({} partitions of '{}') and '{}' ({} partitions of '{}') "
                             "are joined but not co-partitioned. Put an exchange before one of "
                             "them, or give both topics the same number of partitions",
                             nodes_[a].name, counts_[a], nodes_[a].topic.name, nodes_[b].name,
                             counts_[b], nodes_[b].topic.name)};
  }

  const Topology& topology_;
  const std::vector<Node>& nodes_;
  std::string_view application_id_;
  Groups groups_;
  std::map<NodeIndex, int32_t> counts_;  ///< of sources and exchanges
  std::vector<std::pair<std::string, int32_t>> broadcast_counts_;
  std::map<NodeIndex, int32_t> group_counts_;  ///< by the group's first node
};

}  // namespace

std::vector<TaskId> ResolvedTopology::tasks() const {
  std::vector<TaskId> ids;
  for (const SubTopology& sub : sub_topologies) {
    for (int32_t partition = 0; partition < sub.partitions; ++partition) {
      ids.push_back({sub.index, partition});
    }
  }
  return ids;
}

Result<ResolvedTopology> resolve(
    const Topology& topology, std::string_view application_id,
    const std::function<std::optional<int32_t>(const std::string& topic)>& partition_count) {
  return Resolver(topology, application_id).run(partition_count);
}

}  // namespace millrace
