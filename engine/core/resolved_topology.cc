#include "engine/core/resolved_topology.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "millrace/core/assert.h"

namespace millrace {
namespace {

/// Union-find over nodes; a set becomes a sub-topology.
class DisjointSets {
 public:
  explicit DisjointSets(size_t nodes) : parent_(nodes) {
    std::iota(parent_.begin(), parent_.end(), 0U);
  }
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

/// Fills one sub-topology.
class SubTopologyMaker {
 public:
  /// `nodes`: all of the sub-topology, ascending; `inputs`: those whose topic its tasks read.
  SubTopologyMaker(const Topology& topology, std::string_view application_id,
                   const std::vector<NodeIndex>& nodes, const std::vector<NodeIndex>& inputs,
                   ResolvedTopology& resolved, SubTopology& sub)
      : topology_(topology),
        application_id_(application_id),
        nodes_(nodes),
        inputs_(inputs),
        resolved_(resolved),
        sub_(sub) {}

  void run() {
    for (const NodeIndex index : nodes_) {
      for (const std::string& store : topology_.nodes()[index].stores) add_store(store, index);
    }
    for (const NodeIndex index : nodes_) add_node(index);
    for (const NodeIndex index : inputs_) add_input(index);
  }

 private:
  void add_store(const std::string& name, NodeIndex user) {
    if (find_store(name) != sub_.stores.end()) return;
    ResolvedStore& store = sub_.stores.emplace_back();
    store.spec = topology_.find_store(name);
    if (store.spec->timers) store.timer_node = place(user);
    if (!store.spec->changelog) return;
    store.changelog_topic = changelog_topic_name(application_id_, name);
    store.output = add_output(store.changelog_topic);
    resolved_.internal_topics.push_back({store.changelog_topic, sub_.partitions, true});
  }

  void add_node(NodeIndex index) {
    const Node& node = topology_.nodes()[index];
    ResolvedNode& resolved = sub_.nodes.emplace_back();
    resolved.node = &node;
    if (node.kind == NodeKind::kSink) {
      resolved.output = add_output(node.topic.name);
      if (node.coalesce) place_rows(resolved);
    } else if (node.kind == NodeKind::kExchange) {
      resolved.output = add_output(exchange_topic_name(application_id_, node.topic.name));
      resolved.continues_here = std::find(inputs_.begin(), inputs_.end(), index) != inputs_.end();
      if (!resolved.continues_here) return;
    }
    for (const NodeIndex child : node.children) {
      const std::vector<NodeIndex>& parents = topology_.nodes()[child].parents;
      const auto parent = std::find(parents.begin(), parents.end(), index) - parents.begin();
      resolved.children.push_back({place(child), static_cast<uint32_t>(parent)});
    }
  }

  /// A table sink sends the rows of the store whose changes are exactly its records. Without such a
  /// store it sends those of an outbox of its own, which has a name that no store can have.
  void place_rows(ResolvedNode& sink) {
    const std::vector<NodeIndex>& parents = sink.node->parents;
    const std::string& store = topology_.nodes()[parents.front()].forwards_rows_of;
    const auto uses =
        std::count_if(topology_.nodes().begin(), topology_.nodes().end(), [&](const Node& node) {
          return std::find(node.stores.begin(), node.stores.end(), store) != node.stores.end();
        });
    const StoreSpec* const spec = topology_.find_store(store);
    const bool has_all_rows = spec != nullptr && !spec->derived_rows;  // as the changelog has them
    sink.rows_in_store = parents.size() == 1 && uses == 1 && has_all_rows;
    if (sink.rows_in_store) {
      sub_.stores[store_index(store)].sinks.push_back(static_cast<uint32_t>(sub_.nodes.size() - 1));
    } else {
      sink.outbox = "outbox of " + sink.node->name;
    }
  }

  void add_input(NodeIndex index) {
    ResolvedInput& input = sub_.inputs.emplace_back();
    input.node = place(index);
    const Node& node = topology_.nodes()[index];
    input.topic = node.topic.name;
    if (node.kind == NodeKind::kExchange) {
      input.topic = exchange_topic_name(application_id_, node.topic.name);
      input.output = add_output(input.topic);
      resolved_.internal_topics.push_back({input.topic, sub_.partitions, false});
    }
    add_reachable_stores(input.node, input.prefetch);
  }

  /// Follows the edges on which a record keeps the key it came with.
  void add_reachable_stores(uint32_t from, std::vector<uint32_t>& found) const {
    for (const auto& [child, parent] : sub_.nodes[from].children) {
      const ResolvedNode& resolved = sub_.nodes[child];
      for (const std::string& name : resolved.node->reads_at_key) {
        const uint32_t store = store_index(name);
        if (std::find(found.begin(), found.end(), store) == found.end()) found.push_back(store);
      }
      if (resolved.node->keeps_key || resolved.continues_here) add_reachable_stores(child, found);
    }
  }

  int32_t add_output(const std::string& topic) {
    std::vector<std::string>& topics = resolved_.output_topics;
    const auto found = std::find(topics.begin(), topics.end(), topic);
    const auto index = static_cast<int32_t>(found - topics.begin());
    if (found == topics.end()) topics.push_back(topic);
    return index;
  }

  uint32_t place(NodeIndex index) const {
    const auto found = std::find(nodes_.begin(), nodes_.end(), index);
    MILLRACE_ASSERT(found != nodes_.end(), "a node of another sub-topology");
    return static_cast<uint32_t>(found - nodes_.begin());
  }

  std::vector<ResolvedStore>::const_iterator find_store(const std::string& name) const {
    return std::find_if(sub_.stores.begin(), sub_.stores.end(),
                        [&](const ResolvedStore& store) { return store.spec->name == name; });
  }
  uint32_t store_index(const std::string& name) const {
    const auto found = find_store(name);
    MILLRACE_ASSERT(found != sub_.stores.end(), "a store of another sub-topology");
    return static_cast<uint32_t>(found - sub_.stores.begin());
  }

  const Topology& topology_;
  std::string_view application_id_;
  const std::vector<NodeIndex>& nodes_;
  const std::vector<NodeIndex>& inputs_;
  ResolvedTopology& resolved_;
  SubTopology& sub_;
};

class Resolver {
 public:
  Resolver(const Topology& topology, std::string_view application_id)
      : topology_(topology),
        nodes_(topology.nodes()),
        application_id_(application_id),
        sets_(topology.nodes().size()) {}

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
  struct NodeLists {
    std::vector<NodeIndex> nodes;  ///< ascending
    std::vector<NodeIndex> inputs;
  };

  /// Joins users of a store, and neighbours but for the way into an exchange, which may be a topic.
  void join_direct_neighbours() {
    std::map<std::string_view, NodeIndex> store_user;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      for (const NodeIndex child : nodes_[i].children) {
        if (nodes_[child].kind != NodeKind::kExchange) sets_.join(i, child);
      }
      for (const std::string& store : nodes_[i].stores) {
        sets_.join(i, store_user.emplace(store, i).first->second);
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
      const auto [first, is_new] = first_source.emplace(sets_.find(i), i);
      if (is_new) {
        set_counts_[sets_.find(i)] = *count;
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
      if (node.kind == NodeKind::kSource) deciding.emplace(sets_.find(i), i);
    }
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      if (node.kind != NodeKind::kExchange || node.partitions == 0) continue;
      counts_[i] = node.partitions;
      const NodeIndex set = sets_.find(i);
      const auto [first, is_new] = deciding.emplace(set, i);
      if (is_new) {
        set_counts_[set] = node.partitions;
      } else if (set_counts_[set] != node.partitions) {
        return not_co_partitioned(first->second, i);
      }
    }
    return {};
  }

  /// An exchange that asks for no count has as many partitions as its set, or, when nothing else
  /// decides the set's, as the widest set that feeds the set's exchanges. Sets that feed each
  /// other, as the sides of a join by a foreign key do, do not wait for each other.
  Status count_derived_exchanges() {
    for (bool changed = true; changed;) {
      std::map<NodeIndex, int32_t> found;  // apart, so that the order of the nodes does not matter
      for (NodeIndex i = 0; i < nodes_.size(); ++i) {
        const NodeIndex set = sets_.find(i);
        if (nodes_[i].kind != NodeKind::kExchange || set_counts_.contains(set)) continue;
        if (const int32_t fed = widest_feed(set); fed > 0) found[set] = fed;
      }
      changed = !found.empty();
      set_counts_.merge(found);
    }
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (!set_counts_.contains(sets_.find(i))) {
        return Error{ErrorCode::kConfig,
                     fmt::format("node '{}' is fed by no source", nodes_[i].name)};
      }
    }
    return {};
  }

  /// Zero while a feeding set's own count is not known yet, unless `set` feeds that one, too.
  int32_t widest_feed(NodeIndex set) {
    int32_t widest = 0;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].kind != NodeKind::kExchange || sets_.find(i) != set) continue;
      for (const NodeIndex parent : nodes_[i].parents) {
        const auto count = set_counts_.find(sets_.find(parent));
        if (count != set_counts_.end()) {
          widest = std::max(widest, count->second);
        } else if (!feeds(set, sets_.find(parent))) {
          return 0;
        }
      }
    }
    return widest;
  }

  /// Whether exchanges lead from one set to another.
  bool feeds(NodeIndex from, NodeIndex to) {
    std::set<NodeIndex> reached{from};
    for (bool changed = true; changed;) {
      changed = false;
      for (NodeIndex i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].kind != NodeKind::kExchange) continue;
        for (const NodeIndex parent : nodes_[i].parents) {
          if (!reached.contains(sets_.find(parent))) continue;
          changed |= reached.insert(sets_.find(i)).second;
        }
      }
    }
    return reached.contains(to);
  }

  void join_local_exchanges() {
    const auto counts_before = set_counts_;
    DisjointSets before = sets_;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].kind != NodeKind::kExchange) continue;
      counts_[i] = counts_before.at(before.find(i));
      for (const NodeIndex parent : nodes_[i].parents) {
        if (counts_before.at(before.find(parent)) == counts_[i]) sets_.join(i, parent);
      }
    }
    for (const auto& [set, count] : counts_before) set_counts_[sets_.find(set)] = count;
  }

  ResolvedTopology collect() {
    ResolvedTopology resolved;
    resolved.broadcast_partitions = broadcast_counts_;
    std::map<NodeIndex, NodeLists> lists;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) list_node(i, lists);
    resolved.sub_topologies.reserve(lists.size());
    for (const auto& [set, of_set] : lists) {
      SubTopology& sub = resolved.sub_topologies.emplace_back();
      sub.index = static_cast<int32_t>(resolved.sub_topologies.size() - 1);
      sub.partitions = set_counts_.at(set);
      SubTopologyMaker(topology_, application_id_, of_set.nodes, of_set.inputs, resolved, sub)
          .run();
    }
    return resolved;
  }

  /// An exchange is a node of its own set, which reads it, and of every set that writes it.
  void list_node(NodeIndex i, std::map<NodeIndex, NodeLists>& lists) {
    const auto add_node = [i](std::vector<NodeIndex>& nodes) {
      if (nodes.empty() || nodes.back() != i) nodes.push_back(i);
    };
    NodeLists& home = lists[sets_.find(i)];
    add_node(home.nodes);
    for (const NodeIndex parent : nodes_[i].parents) add_node(lists[sets_.find(parent)].nodes);
    const NodeKind kind = nodes_[i].kind;
    if (kind == NodeKind::kSource || kind == NodeKind::kExchange) home.inputs.push_back(i);
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
  DisjointSets sets_;
  std::map<NodeIndex, int32_t> counts_;  ///< of sources and exchanges
  std::vector<std::pair<std::string, int32_t>> broadcast_counts_;
  std::map<NodeIndex, int32_t> set_counts_;  ///< by the set's first node
};

}  // namespace

bool SubTopology::has_wall_timers() const {
  return std::any_of(stores.begin(), stores.end(), [](const ResolvedStore& store) {
    return store.spec->timers == TimeKind::kWall;
  });
}

Result<ResolvedTopology> resolve(
    const Topology& topology, std::string_view application_id,
    const std::function<std::optional<int32_t>(const std::string& topic)>& partition_count) {
  return Resolver(topology, application_id).run(partition_count);
}

}  // namespace millrace
