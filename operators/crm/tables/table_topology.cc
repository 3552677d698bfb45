#include "crm/tables/table_topology.h"

#include <string>

#include "crm/checks/record_checks.h"
#include "crm/checks/row_checks.h"
#include "crm/children/child_topology.h"
#include "crm/model/account_topics.h"
#include "crm/tables/row_sweeper.h"
#include "crm/tables/table_tracker.h"
#include "table_floor_generated.h"

namespace millrace::crm {
namespace {

void add_sweeper(Nodes& nodes, const std::string& name, const RowSweeperStores& stores,
                 bool of_children, size_t slice, NodeIndex floors, NodeIndex rows_to) {
  const NodeIndex sweeper =
      nodes.processor(name, row_sweeper(stores, of_children, slice), {floors},
                      {stores.rows, stores.erasures, stores.floors, stores.sweeps, stores.timers});
  nodes.connect(sweeper, rows_to);
  nodes.sink(name + "-reports", use_of(kConflicts), sweeper, false);
}

}  // namespace

std::vector<StoreSpec> table_stores(bool has_children) {
  std::vector<StoreSpec> stores{store_of<TableFloors>(kTableFloorStore, &check_table_floors),
                                store_of<TableSnapshots>(kTableSnapshotStore, &check_snapshots),
                                store_of<TableSweep>(kAccountSweepStore, &check_table_sweep),
                                timer_store(kAccountSweepTimers)};
  if (!has_children) return stores;
  stores.push_back(store_of<TableSweep>(kChildSweepStore, &check_table_sweep));
  stores.push_back(timer_store(kChildSweepTimers));
  return stores;
}

void add_tables(Nodes& nodes, NodeIndex events, bool has_children, TableOptions options) {
  const NodeIndex tracker = nodes.processor(
      "table-tracker",
      table_tracker(std::string(kTableSnapshotStore), std::string(kTableFloorStore), options.sweep),
      {events}, {kTableSnapshotStore, kTableFloorStore});
  const NodeIndex floors =
      nodes.exchange<TableFloor>("floors-to-tasks", &check_table_floor, {tracker});
  nodes.sink("table-tracker-reports", use_of(kConflicts), tracker, false);
  add_sweeper(nodes, "account-sweeper",
              {.rows = std::string(kRowStore),
               .erasures = std::string(kErasureStore),
               .floors = std::string(kTableFloorStore),
               .sweeps = std::string(kAccountSweepStore),
               .timers = std::string(kAccountSweepTimers)},
              false, options.slice, floors, nodes.find("row-router"));
  if (!has_children) return;
  add_sweeper(nodes, "child-sweeper",
              {.rows = std::string(kChildRowStore),
               .erasures = std::string(kChildErasureStore),
               .floors = std::string(kTableFloorStore),
               .sweeps = std::string(kChildSweepStore),
               .timers = std::string(kChildSweepTimers)},
              true, options.slice, floors, nodes.find("child-router"));
}

}  // namespace millrace::crm
