#include "crm/checks/row_checks.h"

#include <string_view>

#include "millrace/core/serde.h"

#include "child_update_generated.h"
#include "crm/checks/record_checks.h"
#include "crm/mapping/child_key.h"
#include "crm/model/composite_key.h"
#include "crm/model/encode.h"
#include "crm/model/logged_row.h"
#include "crm/model/table_floors.h"
#include "forest_node_generated.h"
#include "merge_signal_generated.h"

namespace millrace::crm {
namespace {

Error no_row(const char* what) {
  return Error{ErrorCode::kInvalidRecord, what};
}

/// Of a fact as it is kept: what is left of a signal whose survivor was erased is an un-merge.
Status check_fact(const MergeFact& fact) {
  const bool has_names = fact.victim()->size() > 0 &&
                         (fact.kind() != MergeFactKind::Merge || !text_of(fact.survivor()).empty());
  if (has_names && fact.kind() >= MergeFactKind::MIN && fact.kind() <= MergeFactKind::MAX &&
      fact.authority() >= MergeAuthority::MIN && fact.authority() <= MergeAuthority::MAX) {
    return {};
  }
  return no_row("a merge fact of an unknown kind, or without its ids");
}

Status check_node(const ForestNode& node) {
  if (node.fact() != nullptr) MILLRACE_RETURN_IF_ERROR(check_fact(*node.fact()));
  if (!node.active()) return {};
  if (node.fact() != nullptr && node.fact()->kind() == MergeFactKind::Merge) return {};
  return no_row("an id that no fact merges, and yet is merged");
}

Status check_floor(const TableFloor& floor) {
  if (floor.cause() < FloorCause::MIN || floor.cause() > FloorCause::MAX) {
    return no_row("the floor of a table of an unknown cause");
  }
  return check_version(view_of(*floor.version()));
}

}  // namespace

Status check_forest_row(Bytes key, Bytes value) {
  if (value.is_null()) return {};
  switch (key.empty() ? '\0' : key.view().front()) {
    case 'n':
      MILLRACE_RETURN_IF_ERROR(Serde<ForestNode>::validate(value));
      return check_node(*flatbuffers::GetRoot<ForestNode>(value.data()));
    case 'f':
      MILLRACE_RETURN_IF_ERROR(Serde<MergeFact>::validate(value));
      return check_fact(*flatbuffers::GetRoot<MergeFact>(value.data()));
    case 'i':
      return {};
    case 'e':
      return Serde<int64_t>::validate(value);
    default:
      return no_row("no row of a forest of merges");
  }
}

Status check_account_row(Bytes /*key*/, Bytes value) {
  return value.is_null() ? Status() : check_logs(*flatbuffers::GetRoot<AccountRow>(value.data()));
}

Status check_child_row(Bytes key, Bytes value) {
  if (value.is_null()) return {};
  if (!kind_in_child_key(key.view())) return no_row("the key is no kind and id of a child");
  return check_account_row(key, value);
}

Status check_redirect_row(Bytes key, Bytes value) {
  return check_redirect(key, value);
}

Status check_child_entry(Bytes key, Bytes value) {
  if (value.is_null()) return {};
  MILLRACE_RETURN_IF_ERROR(check_child_of_root(key, value));
  if (!flatbuffers::GetRoot<ChildUpdate>(value.data())->retract()) return {};
  return no_row("an entry that retracts");
}

Status check_child_move(Bytes key, Bytes value) {
  if (value.is_null() || value.starts_with(Bytes(key_under(key.view(), "")))) return {};
  return no_row("a move that has come to another account");
}

Status check_past_parent(Bytes /*key*/, Bytes value) {
  if (value.is_null()) return {};
  if (!text_of(flatbuffers::GetRoot<PastParent>(value.data())->account()).empty()) return {};
  return no_row("a past parent that is none");
}

Status check_transaction_row(Bytes key, Bytes value) {
  if (value.is_null()) return {};
  const std::string_view part = name_in_key(key);
  const bool is_number = part.empty() || part == "e" || part == "n" || part == "w";
  if (is_number) return Serde<int64_t>::validate(value);
  if (!part.starts_with(std::string_view("d\0", 2))) return {};
  MILLRACE_RETURN_IF_ERROR(Serde<TransactionPart>::validate(value));
  return check_transaction_part(root_in_key(key), value);
}

Status check_table_floors(Bytes key, Bytes value) {
  if (value.is_null()) return {};
  for (const TableFloor* floor : *flatbuffers::GetRoot<TableFloors>(value.data())->floors()) {
    MILLRACE_RETURN_IF_ERROR(check_floor(*floor));
    if (key.view() != table_key(floor->home()->string_view(), floor->table()->string_view())) {
      return no_row("the floor of another table");
    }
  }
  return {};
}

Status check_snapshots(Bytes /*key*/, Bytes value) {
  if (value.is_null()) return {};
  for (const SnapshotTable* table : *flatbuffers::GetRoot<TableSnapshots>(value.data())->tables()) {
    const bool has_place = !text_of(table->version()->position()).empty();
    if (!has_place && !text_of(table->version()->log()).empty()) {
      return no_row("a snapshot without its place");
    }
  }
  return {};
}

Status check_table_sweep(Bytes /*key*/, Bytes value) {
  if (value.is_null()) return {};
  const auto& sweep = *flatbuffers::GetRoot<TableSweep>(value.data());
  MILLRACE_RETURN_IF_ERROR(check_floor(*sweep.floor()));
  if (home_of(sweep.next()->string_view()) == sweep.floor()->home()->string_view()) return {};
  return no_row("a sweep that has come to another source");
}

}  // namespace millrace::crm
