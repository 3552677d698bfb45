#include "millrace/core/topology.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace {
namespace {

constexpr std::string_view kExchangeSuffix = "-exchange";
constexpr std::string_view kChangelogSuffix = "-changelog";
static_assert(kApplicationIdLengthMax + 1 + kNameLengthMax +
                      std::max(kExchangeSuffix.size(), kChangelogSuffix.size()) <=
                  kTopicNameLengthMax,
              "every internal topic's name must be one that Kafka takes");

/// Collects all faults, so that one attempt shows every one.
class Validator {
 public:
  Validator(const std::string& name, const std::vector<Node>& nodes,
            const std::vector<StoreSpec>& stores, const std::vector<TopicUse>& broadcasts)
      : name_(name), nodes_(nodes), stores_(stores), broadcasts_(broadcasts) {}

  Status run() {
    check_names();
    check_edges();
    if (edges_are_sound_) check_cycles();
    check_stores();
    check_broadcasts();
    check_topics();
    if (edges_are_sound_ && has_no_cycle_) check_types();
    if (faults_.empty()) return {};
    return Error{ErrorCode::kConfig,
                 fmt::format("topology '{}': {}", name_, fmt::join(faults_, "; "))};
  }

 private:
  template <class... Args>
  void fault(fmt::format_string<Args...> format, Args&&... args) {
    faults_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void check_name(std::string_view what, std::string_view name, size_t length_max) {
    if (is_legal_name(name, length_max)) return;
    fault("{} '{}' has no legal name (1 to {} of a-z A-Z 0-9 . _ -)", what, name, length_max);
  }

  void check_names() {
    check_name("the topology", name_, kNameLengthMax);
    if (nodes_.empty()) fault("there are no nodes");
    std::map<std::string_view, NodeIndex> first;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      check_name("node", nodes_[i].name, kNodeNameLengthMax);
      if (const auto [other, is_new] = first.emplace(nodes_[i].name, i); !is_new) {
        fault("nodes {} and {} have the same name '{}'", other->second, i, nodes_[i].name);
      }
    }
    std::map<std::string_view, int> stores;
    for (const StoreSpec& store : stores_) {
      check_name("store", store.name, kNameLengthMax);
      if (++stores[store.name] == 2) fault("two stores have the name '{}'", store.name);
    }
  }

  void check_edges() {
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      for (const NodeIndex child : nodes_[i].children) {
        if (child >= nodes_.size() || !contains(nodes_[child].parents, i)) broken_edge(i, child);
      }
      for (const NodeIndex parent : nodes_[i].parents) {
        if (parent >= nodes_.size() || !contains(nodes_[parent].children, i)) {
          broken_edge(i, parent);
        }
      }
      check_kind(nodes_[i]);
    }
  }

  void broken_edge(NodeIndex from, NodeIndex to) {
    edges_are_sound_ = false;
    fault("node '{}' has an edge that node {} does not have", nodes_[from].name,
          to < nodes_.size() ? fmt::format("'{}'", nodes_[to].name) : std::to_string(to));
  }

  void check_kind(const Node& node) {
    const bool is_source = node.kind == NodeKind::kSource;
    const bool is_sink = node.kind == NodeKind::kSink;
    if (is_source && !node.parents.empty()) fault("source '{}' has parents", node.name);
    if (is_sink && !node.children.empty()) fault("sink '{}' has children", node.name);
    if (node.partitioner && (!is_sink || node.coalesce)) {
      fault("node '{}' has a partitioner, but is no sink that writes every record", node.name);
    }
    if (!is_source && node.parents.empty()) fault("node '{}' is fed by no source", node.name);
    if (is_source && node.children.empty()) fault("source '{}' has no children", node.name);
    if (node.kind == NodeKind::kExchange) {
      if (node.children.empty()) fault("exchange '{}' has no children", node.name);
      if (node.partitions < 0) fault("exchange '{}' asks for a negative count", node.name);
    }
    if (node.kind == NodeKind::kProcessor && !node.factory) {
      fault("node '{}' has no processor", node.name);
    }
  }

  /// Peels off the nodes before and behind all cycles.
  void check_cycles() {
    std::vector<size_t> parents_left(nodes_.size());
    std::vector<size_t> children_left(nodes_.size());
    std::vector<bool> peeled(nodes_.size());
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      parents_left[i] = nodes_[i].parents.size();
      children_left[i] = nodes_[i].children.size();
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (NodeIndex i = 0; i < nodes_.size(); ++i) {
        if (peeled[i] || (parents_left[i] > 0 && children_left[i] > 0)) continue;
        peeled[i] = changed = true;
        for (const NodeIndex child : nodes_[i].children) --parents_left[child];
        for (const NodeIndex parent : nodes_[i].parents) --children_left[parent];
      }
    }
    std::vector<std::string_view> in_cycle;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      if (!peeled[i]) in_cycle.push_back(nodes_[i].name);
    }
    has_no_cycle_ = in_cycle.empty();
    if (!has_no_cycle_) fault("nodes '{}' form a cycle", fmt::join(in_cycle, "', '"));
  }

  const StoreSpec* find_store(std::string_view name) const {
    const auto store = std::find_if(stores_.begin(), stores_.end(),
                                    [&](const StoreSpec& s) { return s.name == name; });
    return store == stores_.end() ? nullptr : &*store;
  }

  void check_stores() {
    std::map<std::string_view, bool> used;
    for (const Node& node : nodes_) {
      for (const std::string& store : node.stores) {
        if (find_store(store) == nullptr) {
          fault("node '{}' uses the unknown store '{}'", node.name, store);
        }
        used[store] = true;
      }
      for (const std::string& store : node.reads_at_key) {
        if (!contains(node.stores, store)) {
          fault("node '{}' reads store '{}' at its key but does not use it", node.name, store);
        }
      }
      if (!node.forwards_rows_of.empty() && !contains(node.stores, node.forwards_rows_of)) {
        fault("node '{}' forwards the rows of store '{}' but does not use it", node.name,
              node.forwards_rows_of);
      }
      if (node.kind != NodeKind::kProcessor && !node.stores.empty()) {
        fault("node '{}' uses stores but is no processor", node.name);
      }
    }
    for (const StoreSpec& store : stores_) {
      if (!used[store.name]) fault("no node uses store '{}'", store.name);
      if (store.timers) check_timers(store);
      check_indexes(store);
      check_derived_rows(store);
    }
  }

  void check_derived_rows(const StoreSpec& store) {
    if (!store.derived_rows) return;
    if (!store.derived_rows->is_derived || !store.derived_rows->derive) {
      fault("the derived rows of store '{}' lack a function", store.name);
    }
    if (store.timers) fault("store '{}' holds timers and has derived rows of its own", store.name);
  }

  void check_indexes(const StoreSpec& store) {
    std::map<std::string_view, int> names;
    for (const IndexSpec& index : store.indexes) {
      check_name(fmt::format("an index of store '{}':", store.name), index.name, kNameLengthMax);
      if (++names[index.name] == 2) {
        fault("two indexes of store '{}' have the name '{}'", store.name, index.name);
      }
      if (!index.values_of) {
        fault("index '{}' of store '{}' has no function", index.name, store.name);
      }
      if (store.timers) fault("store '{}' holds timers and has an index", store.name);
    }
  }

  /// A timer fires at the node that set it, so only one can.
  void check_timers(const StoreSpec& store) {
    const Node* user = nullptr;
    for (const Node& node : nodes_) {
      if (contains(node.reads_at_key, store.name) || node.forwards_rows_of == store.name) {
        fault("node '{}' reads or forwards rows of '{}', which holds timers", node.name,
              store.name);
      }
      if (!contains(node.stores, store.name)) continue;
      if (user != nullptr) {
        fault("nodes '{}' and '{}' both use the timers '{}'", user->name, node.name, store.name);
      }
      user = &node;
    }
  }

  void check_broadcasts() {
    std::map<std::string_view, bool> used;
    for (const TopicUse& broadcast : broadcasts_) {
      if (!is_legal_name(broadcast.name, kTopicNameLengthMax)) {
        fault("broadcast table '{}' has no legal name (1 to {} of a-z A-Z 0-9 . _ -)",
              broadcast.name, kTopicNameLengthMax);
      }
      if (!used.emplace(broadcast.name, false).second) {
        fault("two broadcast tables read '{}'", broadcast.name);
      }
    }
    for (const Node& node : nodes_) check_reader(node, used);
    for (const auto& [name, is_used] : used) {
      if (!is_used) fault("no node reads broadcast table '{}'", name);
    }
  }

  void check_reader(const Node& node, std::map<std::string_view, bool>& used) {
    for (const std::string& name : node.broadcasts) {
      const auto known = used.find(name);
      if (known == used.end()) {
        fault("node '{}' reads the unknown broadcast table '{}'", node.name, name);
      } else {
        known->second = true;
      }
    }
    if (node.broadcasts.empty()) return;
    if (node.kind != NodeKind::kProcessor) {
      fault("node '{}' reads broadcast tables but is no processor", node.name);
    }
    const auto users = std::count_if(nodes_.begin(), nodes_.end(), [&](const Node& other) {
      return contains(other.stores, node.cursors);
    });
    if (!contains(node.stores, node.cursors) || users != 1) {
      fault("node '{}' reads broadcast tables but has no store of its own for cursors", node.name);
    }
  }

  void check_topics() {
    std::map<std::string_view, const Node*> read;
    std::map<std::string_view, const Node*> exchanged;
    for (const Node& node : nodes_) {
      if (node.kind == NodeKind::kProcessor) continue;
      const bool is_exchange = node.kind == NodeKind::kExchange;
      if (const size_t length_max = is_exchange ? kNameLengthMax : kTopicNameLengthMax;
          !is_legal_name(node.topic.name, length_max)) {
        fault("topic '{}' of node '{}' has no legal name (1 to {} of a-z A-Z 0-9 . _ -)",
              node.topic.name, node.name, length_max);
      }
      if (node.kind == NodeKind::kSink) continue;
      auto& users = is_exchange ? exchanged : read;
      if (const auto [first, is_new] = users.emplace(node.topic.name, &node); !is_new) {
        fault("nodes '{}' and '{}' both {} '{}'", first->second->name, node.name,
              is_exchange ? "are exchange" : "read topic", node.topic.name);
      }
    }
    check_topic_types();
  }

  /// A topic has the types that its source names, else those that its first sink names.
  void check_topic_types() {
    std::map<std::string_view, const Node*> deciding;
    for (const Node& node : nodes_) {
      if (node.kind == NodeKind::kSource) deciding.emplace(node.topic.name, &node);
    }
    for (const Node& node : nodes_) {
      if (node.kind != NodeKind::kSink) continue;
      const Node& first = *deciding.emplace(node.topic.name, &node).first->second;
      if (first.topic.key == node.topic.key && first.topic.value == node.topic.value) continue;
      fault("nodes '{}' ({} -> {}) and '{}' ({} -> {}) use topic '{}' with different types",
            first.name, first.topic.key.name, first.topic.value.name, node.name,
            node.topic.key.name, node.topic.value.name, node.topic.name);
    }
  }

  /// A processor's output is opaque, but a processor that keeps keys keeps their type.
  void check_types() {
    std::vector<const TypeInfo*> key_out(nodes_.size(), nullptr);
    for (const NodeIndex i : parents_first()) {
      const Node& node = nodes_[i];
      if (node.kind == NodeKind::kSource || node.kind == NodeKind::kExchange) {
        key_out[i] = &node.topic.key;
      }
      for (const NodeIndex parent : node.parents) {
        if (key_out[parent] != nullptr) check_key(nodes_[parent], *key_out[parent], node);
        if (node.kind == NodeKind::kProcessor && node.keeps_key && key_out[i] == nullptr) {
          key_out[i] = key_out[parent];
        }
        check_value(nodes_[parent], node);
      }
    }
  }

  void check_key(const Node& from, const TypeInfo& key, const Node& to) {
    if ((to.kind == NodeKind::kSink || to.kind == NodeKind::kExchange) && !(key == to.topic.key)) {
      fault("node '{}' forwards keys of type {} but node '{}' takes {}", from.name, key.name,
            to.name, to.topic.key.name);
    }
    for (const std::string& name : to.reads_at_key) {
      const StoreSpec* store = find_store(name);
      if (store == nullptr || store->key == key) continue;
      fault("node '{}' forwards keys of type {} but node '{}' reads store '{}', whose keys are {}",
            from.name, key.name, to.name, name, store->key.name);
    }
  }

  void check_value(const Node& from, const Node& to) {
    if (from.kind == NodeKind::kProcessor || to.kind == NodeKind::kProcessor ||
        from.topic.value == to.topic.value) {
      return;
    }
    fault("node '{}' forwards values of type {} but node '{}' takes {}", from.name,
          from.topic.value.name, to.name, to.topic.value.name);
  }

  std::vector<NodeIndex> parents_first() const {
    std::vector<size_t> left(nodes_.size());
    std::vector<NodeIndex> order;
    for (NodeIndex i = 0; i < nodes_.size(); ++i) {
      left[i] = nodes_[i].parents.size();
      if (left[i] == 0) order.push_back(i);
    }
    for (size_t next = 0; next < order.size(); ++next) {
      for (const NodeIndex child : nodes_[order[next]].children) {
        if (--left[child] == 0) order.push_back(child);
      }
    }
    return order;
  }

  template <class T, class U>
  static bool contains(const std::vector<T>& items, const U& item) {
    return std::find(items.begin(), items.end(), item) != items.end();
  }

  const std::string& name_;
  const std::vector<Node>& nodes_;
  const std::vector<StoreSpec>& stores_;
  const std::vector<TopicUse>& broadcasts_;
  std::vector<std::string> faults_;
  bool edges_are_sound_ = true;
  bool has_no_cycle_ = true;
};

}  // namespace

bool is_legal_name(std::string_view name, size_t length_max) {
  if (name.empty() || name.size() > length_max || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

Result<Topology> Topology::create(std::string name, std::vector<Node> nodes,
                                  std::vector<StoreSpec> stores, std::vector<TopicUse> broadcasts) {
  MILLRACE_RETURN_IF_ERROR(Validator(name, nodes, stores, broadcasts).run());
  Topology topology;
  topology.name_ = std::move(name);
  topology.nodes_ = std::move(nodes);
  topology.stores_ = std::move(stores);
  topology.broadcasts_ = std::move(broadcasts);
  return topology;
}

const StoreSpec* Topology::find_store(std::string_view name) const {
  const auto store = std::find_if(stores_.begin(), stores_.end(),
                                  [&](const StoreSpec& s) { return s.name == name; });
  return store == stores_.end() ? nullptr : &*store;
}

const TopicUse* Topology::find_broadcast(std::string_view topic) const {
  const auto found = std::find_if(broadcasts_.begin(), broadcasts_.end(),
                                  [&](const TopicUse& use) { return use.name == topic; });
  return found == broadcasts_.end() ? nullptr : &*found;
}

std::string exchange_topic_name(std::string_view application_id, std::string_view exchange) {
  return fmt::format("{}-{}{}", application_id, exchange, kExchangeSuffix);
}

std::string changelog_topic_name(std::string_view application_id, std::string_view store) {
  return fmt::format("{}-{}{}", application_id, store, kChangelogSuffix);
}

}  // namespace millrace
