#include "engine/task/task_plan.h"

#include <algorithm>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

class PlanMaker {
 public:
  PlanMaker(const Topology& topology, const SubTopology& sub, std::string_view application_id,
            OutputTopics& outputs)
      : topology_(topology), sub_(sub), application_id_(application_id), outputs_(outputs) {}

  TaskPlan make() {
    plan_.sub_topology = sub_.index;
    plan_.partitions = sub_.partitions;
    for (const std::string& name : sub_.stores) add_store(name);
    for (const NodeIndex index : sub_.nodes) add_node(index);
    for (const NodeIndex index : sub_.sources) add_input(index);
    return std::move(plan_);
  }

 private:
  void add_store(const std::string& name) {
    PlanStore& store = plan_.stores.emplace_back();
    store.spec = topology_.find_store(name);
    if (store.spec->timers) store.timer_node = user_of(name);
    if (!store.spec->changelog) return;
    store.changelog_topic = changelog_topic_name(application_id_, name);
    store.output = outputs_.add(store.changelog_topic);
  }

  uint32_t user_of(const std::string& store) const {
    const auto user = std::find_if(sub_.nodes.begin(), sub_.nodes.end(), [&](NodeIndex index) {
      const std::vector<std::string>& stores = topology_.nodes()[index].stores;
      return std::find(stores.begin(), stores.end(), store) != stores.end();
    });
    MILLRACE_ASSERT(user != sub_.nodes.end(), "a store that no node uses");
    return place(*user);
  }

  void add_node(NodeIndex index) {
    const Node& node = topology_.nodes()[index];
    PlanNode& planned = plan_.nodes.emplace_back();
    planned.node = &node;
    if (node.kind == NodeKind::kSink) {
      planned.output = outputs_.add(node.topic.name);
      if (node.coalesce) place_rows(planned);
    } else if (node.kind == NodeKind::kExchange) {
      planned.output = outputs_.add(exchange_topic_name(application_id_, node.topic.name));
      planned.continues_here =
          std::find(sub_.sources.begin(), sub_.sources.end(), index) != sub_.sources.end();
      if (!planned.continues_here) return;
    }
    for (const NodeIndex child : node.children) planned.children.push_back(place(child));
  }

  /// Rows of a table sink are kept by the store that changes exactly where and as the sink is
  /// written to, or, when there is none, by the task's collector.
  void place_rows(PlanNode& sink) {
    const std::vector<NodeIndex>& parents = sink.node->parents;
    const std::string& store = topology_.nodes()[parents.front()].forwards_rows_of;
    const auto uses =
        std::count_if(topology_.nodes().begin(), topology_.nodes().end(), [&](const Node& node) {
          return std::find(node.stores.begin(), node.stores.end(), store) != node.stores.end();
        });
    sink.rows_in_store = parents.size() == 1 && uses == 1;
    if (sink.rows_in_store) {
      plan_.stores[store_index(store)].sinks.push_back(
          static_cast<uint32_t>(plan_.nodes.size() - 1));
    } else {
      sink.row_sink = static_cast<int32_t>(plan_.row_sinks++);
    }
  }

  void add_input(NodeIndex index) {
    const Node& node = topology_.nodes()[index];
    PlanInput& input = plan_.inputs.emplace_back();
    input.node = place(index);
    if (node.kind == NodeKind::kExchange) {
      input.topic = exchange_topic_name(application_id_, node.topic.name);
      input.output = outputs_.add(input.topic);
    } else {
      input.topic = node.topic.name;
    }
    add_reachable_stores(input.node, input.prefetch);
  }

  /// Follows the ways on which a record keeps the key it came with.
  void add_reachable_stores(uint32_t from, std::vector<uint32_t>& found) const {
    for (const uint32_t child : plan_.nodes[from].children) {
      const PlanNode& planned = plan_.nodes[child];
      for (const std::string& name : planned.node->reads_at_key) {
        const uint32_t store = store_index(name);
        if (std::find(found.begin(), found.end(), store) == found.end()) found.push_back(store);
      }
      if (planned.node->keeps_key || planned.continues_here) add_reachable_stores(child, found);
    }
  }

  uint32_t place(NodeIndex index) const {
    const auto found = std::find(sub_.nodes.begin(), sub_.nodes.end(), index);
    MILLRACE_ASSERT(found != sub_.nodes.end(), "a node of another sub-topology");
    return static_cast<uint32_t>(found - sub_.nodes.begin());
  }

  uint32_t store_index(const std::string& name) const {
    const auto found =
        std::find_if(plan_.stores.begin(), plan_.stores.end(),
                     [&](const PlanStore& store) { return store.spec->name == name; });
    MILLRACE_ASSERT(found != plan_.stores.end(), "a store of another sub-topology");
    return static_cast<uint32_t>(found - plan_.stores.begin());
  }

  const Topology& topology_;
  const SubTopology& sub_;
  std::string_view application_id_;
  OutputTopics& outputs_;
  TaskPlan plan_;
};

}  // namespace

bool TaskPlan::has_wall_timers() const {
  return std::any_of(stores.begin(), stores.end(),
                     [](const PlanStore& store) { return store.spec->timers == TimeKind::kWall; });
}

std::vector<TaskPlan> make_task_plans(const Topology& topology, const ResolvedTopology& resolved,
                                      std::string_view application_id, OutputTopics& outputs) {
  std::vector<TaskPlan> plans;
  plans.reserve(resolved.sub_topologies.size());
  for (const SubTopology& sub : resolved.sub_topologies) {
    plans.push_back(PlanMaker(topology, sub, application_id, outputs).make());
  }
  return plans;
}

}  // namespace millrace::engine
