#include "crm/erasure/erasure_topology.h"

#include <memory>
#include <string>
#include <utility>

#include "crm/checks/input_checks.h"
#include "crm/checks/record_checks.h"
#include "crm/children/child_topology.h"
#include "crm/erasure/row_eraser.h"
#include "crm/merges/merge_resolver.h"
#include "crm/model/account_topics.h"

namespace millrace::crm {
namespace {

/// Children of the erasure router, in the order in which they are declared.
enum ErasureRouterChild : size_t { kAccountsChild = 0, kMergesChild = 1, kChildrenChild = 2 };

/// Sends an erasure to whoever may own something of the id, which says nothing of its kind.
class ErasureRouter final : public Processor {
 public:
  explicit ErasureRouter(ParentFields parents) : parents_(std::move(parents)) {}

  void process(const Record& record) override {
    if (record.value.is_null()) return context().count_dropped("null_value");
    const std::string id = flatbuffers::GetRoot<Erasure>(record.value.data())->id()->str();
    send(kAccountsChild, id, record);
    send(kMergesChild, id, record);
    for (size_t kind = 0; kind < parents_.size(); ++kind) {
      if (parents_[kind].empty()) continue;
      send(kChildrenChild, child_key(static_cast<ChildKind>(kind), id), record);
    }
  }

 private:
  void send(ErasureRouterChild child, const std::string& key, const Record& record) {
    Record keyed = record;
    keyed.key = key;
    context().forward_to(child, keyed);
  }

  ParentFields parents_;
};

void add_row_eraser(Nodes& nodes, const std::string& name, RowEraserStores stores, NodeIndex from,
                    NodeIndex rows_to) {
  std::vector<std::string_view> names{stores.rows, stores.erasures};
  for (const std::string* const name_of : {&stores.states, &stores.members, &stores.child_counts}) {
    if (!name_of->empty()) names.push_back(*name_of);
  }
  const NodeIndex eraser = nodes.processor(name, row_eraser(stores), {from}, names);
  nodes.connect(eraser, rows_to);
  nodes.sink(name + "-reports", use_of(kErasureReports), eraser, false);
}

}  // namespace

void add_erasure(Nodes& nodes, const ParentFields& parents, UnmergedChildren children) {
  TopicUse erasures = use_of(kErasures);
  erasures.value.validate = &validate_erasure;
  const NodeIndex source = nodes.source("erasures", std::move(erasures));
  const NodeIndex router = nodes.processor(
      "erasure-router", [parents] { return std::make_unique<ErasureRouter>(parents); }, {source});
  const NodeIndex by_id =
      nodes.exchange<Erasure>("erasures-by-id", &check_erasure_record, {router});
  const NodeIndex to_resolver =
      nodes.exchange<Erasure>("erasures-to-resolver", &check_erasure_record, {router}, 1);
  add_row_eraser(nodes, "account-eraser",
                 {.rows = std::string(kRowStore),
                  .erasures = std::string(kErasureStore),
                  .states = std::string(kAccountStateStore),
                  .members = std::string(kMemberStore),
                  .child_counts = parents == ParentFields{} ? "" : std::string(kChildCountStore)},
                 by_id, nodes.find("row-router"));
  const std::string redirects = nodes.output(use_of(kRedirects)).name;
  const NodeIndex merges =
      nodes.processor("merge-eraser", merge_eraser(std::string(kForestStore), redirects, children),
                      {to_resolver}, {kForestStore});
  nodes.connect(merges, nodes.find("redirects-out"));
  nodes.connect(merges, nodes.find("conflicts-out"));
  nodes.sink("merge-eraser-reports", use_of(kErasureReports), merges, false);
  if (parents == ParentFields{}) return;
  const NodeIndex by_child =
      nodes.exchange<Erasure>("erasures-by-child", &check_child_erasure, {router});
  nodes[by_child].partition_key = &id_in_child_key;
  add_row_eraser(nodes, "child-eraser",
                 {.rows = std::string(kChildRowStore), .erasures = std::string(kChildErasureStore)},
                 by_child, nodes.find("child-router"));
}

}  // namespace millrace::crm
