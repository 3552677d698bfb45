#include "millrace/operators/detail/topology_draft.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "millrace/operators/detail/operators.h"

namespace millrace::operators {
namespace {

/// Nodes behind an exchange rely on the keys, and senders drop records without one.
Status check_keyed(Bytes key, Bytes /*value*/) {
  if (!key.is_null()) return {};
  return Error{ErrorCode::kInvalidRecord, "a record of an exchange without a key"};
}

/// The part of a key that decides: the user's choice, else the type's.
PartitionKey deciding_part(const TypeInfo& key, PartitionKey chosen) {
  if (!chosen && key.partition_key != nullptr) return key.partition_key;
  return chosen;
}

}  // namespace

NodeIndex TopologyDraft::add(Node node, const std::vector<NodeIndex>& parents) {
  const auto index = static_cast<NodeIndex>(nodes_.size());
  for (const NodeIndex parent : parents) {
    MILLRACE_ASSERT(parent < index, "a stream or table was used after build()");
    nodes_[parent].children.push_back(index);
  }
  node.parents = parents;
  nodes_.push_back(std::move(node));
  return index;
}

std::string TopologyDraft::free_node_name(std::string wanted) const {
  const auto taken = [&](const std::string& name) {
    return std::any_of(nodes_.begin(), nodes_.end(),
                       [&](const Node& node) { return node.name == name; });
  };
  if (!taken(wanted)) return wanted;
  int counter = 2;
  while (taken(fmt::format("{}-{}", wanted, counter))) ++counter;
  return fmt::format("{}-{}", wanted, counter);
}

NodeIndex TopologyDraft::add_source(SourceUse source) {
  const auto first = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) {
    return node.kind == NodeKind::kSource && node.topic.name == source.topic.name;
  });
  if (first != nodes_.end()) {
    check_again(*first, source);
    return static_cast<NodeIndex>(first - nodes_.begin());
  }
  Node node;
  node.name = source.name.empty() ? source.topic.name : std::move(source.name);
  node.kind = NodeKind::kSource;
  node.topic = std::move(source.topic);
  node.event_time = std::move(source.event_time);
  return add(std::move(node), {});
}

void TopologyDraft::check_again(const Node& first, const SourceUse& again) {
  const TopicUse& topic = first.topic;
  if (!(topic.key == again.topic.key) || !(topic.value == again.topic.value)) {
    fail(fmt::format("topic '{}' is read as ({} -> {}) by node '{}' and as ({} -> {})", topic.name,
                     topic.key.name, topic.value.name, first.name, again.topic.key.name,
                     again.topic.value.name));
  } else if (again.has_options) {
    fail(
        fmt::format("node '{}' reads topic '{}' already: give the options and the event time of "
                    "the topic where it is named first",
                    first.name, topic.name));
  }
}

NodeIndex TopologyDraft::add_processor(const std::vector<NodeIndex>& parents,
                                       std::string_view anchor, ProcessorUse use) {
  Node node;
  const bool is_derived = use.name.empty();
  node.name = is_derived ? free_node_name(fmt::format("{}.{}", anchor, use.operation))
                         : std::move(use.name);
  node.kind = NodeKind::kProcessor;
  node.factory = std::move(use.factory);
  node.stores = std::move(use.stores);
  node.reads_at_key = std::move(use.reads_at_key);
  node.keeps_key = use.keeps_key;
  node.forwards_rows_of = std::move(use.forwards_rows_of);
  node.broadcasts = std::move(use.broadcasts);
  if (!node.broadcasts.empty()) {
    if (is_derived) {
      fail(
          fmt::format("node '{}' reads broadcast tables and needs a name, after which its store of "
                      "cursors is called",
                      node.name));
    }
    node.cursors = node.name + "-cursors";
    node.stores.push_back(node.cursors);
    add_store(node.cursors, {}, {}, {});
  }
  return add(std::move(node), parents);
}

NodeIndex TopologyDraft::add_exchange(const std::vector<NodeIndex>& parents, TypeInfo key,
                                      TypeInfo value, ExchangeOptions options, bool is_derived) {
  ExchangeNames& names = exchanges_[options.name];
  names.total += 1;
  names.derived += is_derived ? 1 : 0;
  Node node;
  node.name = free_node_name(options.name + ".exchange");
  node.kind = NodeKind::kExchange;
  node.topic = {std::move(options.name), key, value, &check_keyed};
  node.partitions = options.partitions;
  node.partition_key = deciding_part(key, std::move(options.partition_key));
  return add(std::move(node), parents);
}

void TopologyDraft::add_sink(const std::vector<NodeIndex>& parents, TopicUse topic,
                             SinkOptions options) {
  Node node;
  node.name = options.name.empty() ? free_node_name(topic.name + ".sink") : std::move(options.name);
  node.kind = NodeKind::kSink;
  node.partition_key = deciding_part(topic.key, std::move(options.partition_key));
  node.topic = std::move(topic);
  node.partitioner = std::move(options.partitioner);
  node.coalesce = options.coalesce;
  add(std::move(node), parents);
}

StoreSpec& TopologyDraft::add_store(std::string name, TypeInfo key, TypeInfo value,
                                    StoreOptions options) {
  StoreSpec& store = stores_.emplace_back();
  store.name = std::move(name);
  if (key.partition_key != nullptr) store.partition_key = key.partition_key;
  store.key = key;
  store.value = value;
  store.changelog = options.changelog;
  store.in_memory = options.in_memory;
  return store;
}

void TopologyDraft::add_index(std::string_view store, IndexSpec index) {
  const auto found = std::find_if(stores_.begin(), stores_.end(),
                                  [&](const StoreSpec& spec) { return spec.name == store; });
  MILLRACE_ASSERT(found != stores_.end(), "an index of a store that was not added");
  if (found->is_hidden) {
    index.values_of = [is_hidden = found->is_hidden, values_of = std::move(index.values_of)](
                          Bytes key, Bytes value, IndexValues& values) {
      if (!is_hidden(key)) values_of(key, value, values);
    };
  }
  found->indexes.push_back(std::move(index));
}

void TopologyDraft::add_timers(std::string name, TypeInfo key, TimeKind clock,
                               StoreOptions options) {
  StoreSpec& store = add_store(std::move(name), std::move(key), {}, options);
  store.timers = clock;
  store.partition_key = {};  // the rows have keys of their own
}

void TopologyDraft::refuse_grace(const JoinOptions& options, std::string_view join) {
  if (!options.grace) return;
  fail(
      fmt::format("the grace of join '{}' is none of its options: records wait in the join of a "
                  "stream with a versioned table alone",
                  join));
}

std::vector<bool> TopologyDraft::ancestors(const std::vector<NodeIndex>& of) const {
  std::vector<bool> reached(nodes_.size());
  std::vector<NodeIndex> open = of;
  while (!open.empty()) {
    const NodeIndex node = open.back();
    open.pop_back();
    if (reached[node]) continue;
    reached[node] = true;
    open.insert(open.end(), nodes_[node].parents.begin(), nodes_[node].parents.end());
  }
  return reached;
}

bool TopologyDraft::have_common_source(const std::vector<NodeIndex>& a,
                                       const std::vector<NodeIndex>& b) const {
  const std::vector<bool> before_a = ancestors(a);
  const std::vector<bool> before_b = ancestors(b);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (before_a[i] && before_b[i]) return true;
  }
  return false;
}

PartitionKey TopologyDraft::partition_key_of(const std::vector<NodeIndex>& table,
                                             const TypeInfo& key) const {
  NodeIndex index = table.front();
  while (nodes_[index].kind == NodeKind::kProcessor) index = nodes_[index].parents.front();
  const Node& node = nodes_[index];
  if (!node.partition_key || key.partition_key == nullptr || node.topic.key == key) {
    return node.partition_key;
  }
  // The exchange had the keys that those of windows contain.
  return [outer = node.partition_key, inner = key.partition_key](Bytes whole) {
    return outer(inner(whole));
  };
}

Result<Topology> TopologyDraft::build() {
  for (const auto& [exchange, names] : exchanges_) {
    if (names.total < 2 || names.derived == 0) continue;
    std::vector<std::string> parents;
    for (const Node& node : nodes_) {
      if (node.kind != NodeKind::kExchange || node.topic.name != exchange) continue;
      for (const NodeIndex parent : node.parents) parents.push_back(nodes_[parent].name);
    }
    fail(
        fmt::format("the exchanges behind nodes '{}' would all be called '{}'; give them names, "
                    "e.g. with .exchange(\"name\")",
                    fmt::join(parents, "', '"), exchange));
  }
  if (!faults_.empty()) {
    return Error{ErrorCode::kConfig,
                 fmt::format("topology '{}': {}", name_, fmt::join(faults_, "; "))};
  }
  return Topology::create(std::move(name_), std::move(nodes_), std::move(stores_),
                          std::move(broadcasts_));
}

StreamCore StreamCore::then(ProcessorUse use) const {
  StreamCore result = *this;
  if (!use.name.empty()) result.anchor = use.name;
  result.nodes = {draft->add_processor(nodes, anchor, std::move(use))};
  return result;
}

StreamCore StreamCore::then_rekeyed(ProcessorUse use) const {
  use.keeps_key = false;
  StreamCore result = then(std::move(use));
  result.key_changed = true;
  result.key_may_be_null = false;
  return result;
}

StreamCore StreamCore::exchange(TypeInfo key, TypeInfo value, ExchangeOptions options,
                                bool is_derived) const {
  StreamCore result = *this;
  if (key_may_be_null) {
    ProcessorUse guard;
    guard.operation = "pass_keyed";
    guard.factory = pass_keyed();
    result = then(std::move(guard));
  }
  result.anchor = options.name;
  result.nodes = {draft->add_exchange(result.nodes, key, value, std::move(options), is_derived)};
  result.key_changed = false;
  result.key_may_be_null = false;
  return result;
}

StreamCore StreamCore::at_its_key(TypeInfo key, TypeInfo value, std::string name) const {
  if (!key_changed) return *this;
  ExchangeOptions options;
  options.name = std::move(name);
  return exchange(key, value, std::move(options), true);
}

StreamCore StreamCore::merge(const StreamCore& other) const {
  MILLRACE_ASSERT(draft == other.draft, "streams of different builders cannot be merged");
  StreamCore result = *this;
  result.nodes.insert(result.nodes.end(), other.nodes.begin(), other.nodes.end());
  result.key_changed |= other.key_changed;
  result.key_may_be_null |= other.key_may_be_null;
  return result;
}

StreamCore StreamCore::side_output(std::string_view name) const {
  ProcessorUse use;
  use.name = fmt::format("{}.{}", anchor, name);
  use.factory = relay();
  return then(std::move(use));
}

StreamCore add_processor(const StreamCore& stream, std::string name, ProcessorFactory factory,
                         ProcessOptions options) {
  ProcessorUse use;
  use.name = std::move(name);
  use.operation = "process";
  use.factory = std::move(factory);
  use.stores = std::move(options.stores);
  use.reads_at_key = std::move(options.reads_at_key);
  use.keeps_key = options.keeps_key;
  use.broadcasts = std::move(options.broadcasts);
  StreamCore result = stream.then(std::move(use));
  result.key_changed |= !options.keeps_key;
  result.key_may_be_null |= !options.keeps_key;
  return result;
}

MergedInputs merge_inputs(const std::vector<std::pair<uint8_t, StreamCore>>& streams) {
  std::map<NodeIndex, int> inputs_of_node;
  for (const auto& [input, stream] : streams) {
    for (const NodeIndex node : stream.nodes) ++inputs_of_node[node];
  }
  MergedInputs merged;
  for (const auto& [input, stream] : streams) {
    const bool shares_a_node =
        std::any_of(stream.nodes.begin(), stream.nodes.end(),
                    [&](NodeIndex node) { return inputs_of_node[node] > 1; });
    // A processor tells its inputs apart by the nodes before it.
    const StreamCore own =
        shares_a_node ? stream.then({.operation = "input", .factory = relay()}) : stream;
    merged.stream = merged.inputs.empty() ? own : merged.stream.merge(own);
    merged.inputs.resize(merged.stream.nodes.size(), input);
  }
  return merged;
}

TableCore TableCore::then(ProcessorUse use, TableView result) const {
  const std::string& next_anchor = use.name.empty() ? anchor : use.name;
  TableCore table{draft, {}, next_anchor, std::move(result), windows};
  table.nodes = {draft->add_processor(nodes, anchor, std::move(use))};
  return table;
}

TableCore TableCore::stored(const std::string& name, TypeInfo key, TypeInfo value,
                            StoreOptions options) const {
  TableCore table = stored_by({draft, nodes, anchor, false, false}, name, table_store(name),
                              std::move(key), std::move(value), options);
  table.windows = windows;
  return table;
}

TableCore TableCore::indexed(IndexSpec index, IndexOptions options, TypeInfo key,
                             TypeInfo value) const {
  TableCore table = *this;
  if (view.rows_in.empty()) {
    if (options.store.empty()) {
      draft->fail(
          fmt::format("no store keeps the rows of index '{}' behind node '{}': name one for them, "
                      "e.g. .index(\"{}\", function, {{.store = \"rows\"}})",
                      index.name, draft->name_of(nodes.front()), index.name));
      return table;
    }
    table = stored(options.store, std::move(key), std::move(value));
  } else if (!options.store.empty()) {
    draft->fail(fmt::format("index '{}' names the store '{}', but store '{}' keeps the rows",
                            index.name, options.store, view.rows_in));
  }
  draft->add_index(table.view.rows_in, std::move(index));
  return table;
}

TableCore stored_by(const StreamCore& stream, const std::string& name, ProcessorFactory factory,
                    TypeInfo key, TypeInfo value, StoreOptions options) {
  stream.draft->add_store(name, key, value, options);
  ProcessorUse use;
  use.name = name;
  use.factory = std::move(factory);
  use.stores = {name};
  use.reads_at_key = {name};
  use.forwards_rows_of = name;
  return {stream.draft,
          {stream.draft->add_processor(stream.nodes, stream.anchor, std::move(use))},
          name,
          store_view(name)};
}

}  // namespace millrace::operators
