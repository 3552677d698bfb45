#include "crm/children/child_topology.h"

#include <string>
#include <utility>

#include "account_row_generated.h"
#include "child_counts_generated.h"
#include "child_update_generated.h"
#include "crm/accounts/row_materializer.h"
#include "crm/checks/record_checks.h"
#include "crm/checks/row_checks.h"
#include "crm/children/child_counter.h"
#include "crm/children/child_index.h"
#include "crm/children/child_router.h"
#include "crm/model/account_topics.h"
#include "erasure_generated.h"

namespace millrace::crm {
namespace {

ChildIndexStores index_stores() {
  return {.entries = std::string(kChildEntryStore),
          .redirects = std::string(kRedirectStore),
          .moves = std::string(kChildMoveStore),
          .timers = std::string(kChildMoveTimers)};
}

}  // namespace

std::vector<StoreSpec> child_stores() {
  StoreSpec rows = store_of<AccountRow>(kChildRowStore, &check_child_row);
  StoreSpec erasures = store_of<Erasure>(kChildErasureStore);
  for (StoreSpec* const by_record : {&rows, &erasures}) {
    by_record->partition_key = &id_in_child_key;
  }
  return {std::move(rows),
          store_under_ids<ChildUpdate>(kChildEntryStore, &check_child_entry),
          store_of<std::string>(kChildMoveStore, &check_child_move),
          store_under_ids<ChildUpdate>(kRootChildStore),
          store_of<ChildCounts>(kChildCountStore),
          std::move(erasures),
          timer_store(kChildMoveTimers)};
}

NodeIndex add_child_index(Nodes& nodes, NodeIndex by_id, ParentFields parents,
                          std::string_view floor_store) {
  std::vector<std::string_view> stores{kChildRowStore, kChildErasureStore};
  if (!floor_store.empty()) stores.push_back(floor_store);
  const NodeIndex rows =
      nodes.processor("child-row-materializer",
                      row_materializer(std::string(kChildRowStore), std::string(kChildErasureStore),
                                       std::string(floor_store)),
                      {by_id}, stores, {kChildRowStore});
  nodes[rows].keeps_key = true;
  const NodeIndex router =
      nodes.processor("child-router", child_router(std::move(parents)), {rows});
  const NodeIndex by_account =
      nodes.exchange<ChildUpdate>("children-by-account", &check_child_update, {router});
  return nodes.processor("child-index", child_index(index_stores()), {by_account},
                         {kChildEntryStore, kRedirectStore}, {kRedirectStore});
}

NodeIndex add_child_counter(Nodes& nodes, NodeIndex child_index, NodeIndex redirect_router,
                            size_t move_slice) {
  const NodeIndex mover =
      nodes.processor("child-mover", child_mover(index_stores(), move_slice), {redirect_router},
                      {kChildEntryStore, kRedirectStore, kChildMoveStore, kChildMoveTimers});
  const NodeIndex by_root =
      nodes.exchange<ChildUpdate>("children-by-root", &check_child_of_root, {child_index, mover});
  return nodes.processor("child-counter",
                         child_counter(std::string(kRootChildStore), std::string(kChildCountStore)),
                         {by_root}, {kRootChildStore, kChildCountStore}, {kChildCountStore});
}

}  // namespace millrace::crm
