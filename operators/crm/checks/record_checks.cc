#include "crm/checks/record_checks.h"

#include <string_view>

#include "child_update_generated.h"
#include "crm/checks/input_checks.h"
#include "crm/mapping/child_key.h"
#include "crm/model/encode.h"
#include "crm/model/ids.h"
#include "crm/model/version.h"
#include "member_update_generated.h"
#include "merge_signal_generated.h"
#include "redirect_generated.h"
#include "table_floor_generated.h"

namespace millrace::crm {
namespace {

Error unfit(const char* what) {
  return Error{ErrorCode::kInvalidRecord, what};
}

template <class Table>
const Table& table_in(Bytes value) {
  return *flatbuffers::GetRoot<Table>(value.data());
}

Status check_child_key(Bytes key) {
  if (!key.is_null() && kind_in_child_key(key.view())) return {};
  return unfit("the key is no kind and id of a child");
}

template <class Enum>
bool is_known_kind(Enum kind) {
  return kind >= Enum::MIN && kind <= Enum::MAX;
}

}  // namespace

Status check_account_change(Bytes key, Bytes value) {
  if (key.is_null()) return unfit("a change without a key");
  return value.is_null() ? Status() : validate_account_change(value);
}

Status check_child_change(Bytes key, Bytes value) {
  MILLRACE_RETURN_IF_ERROR(check_child_key(key));
  return value.is_null() ? Status() : validate_account_change(value);
}

Status check_merge_fact_record(Bytes key, Bytes value) {
  if (key.is_null()) return unfit("a merge fact without a key");
  return value.is_null() ? Status() : validate_merge_fact(value);
}

Status check_member_update(Bytes key, Bytes value) {
  if (key.is_null() || value.is_null()) return unfit("an update of a member without key or value");
  const auto& update = table_in<MemberUpdate>(value);
  if (update.root()->size() == 0) return unfit("an update of a member without a root");
  return {};
}

Status check_child_update(Bytes key, Bytes value) {
  if (key.is_null() || value.is_null()) return unfit("an update of a child without key or value");
  const auto& update = table_in<ChildUpdate>(value);
  if (!is_known_kind(update.kind())) return unfit("a child of an unknown kind");
  if (update.account()->size() == 0) return unfit("a child without an account");
  if (update.retract()) return {};
  if (update.row() == nullptr) return unfit("a child without its row");
  if (update.version() == nullptr || update.since() == nullptr) {
    return unfit("a child without its versions");
  }
  return {};
}

Status check_child_of_root(Bytes key, Bytes value) {
  MILLRACE_RETURN_IF_ERROR(check_child_update(key, value));
  if (text_of(table_in<ChildUpdate>(value).root()).empty()) return unfit("a child without a root");
  return {};
}

Status check_transaction_part(Bytes key, Bytes value) {
  // Keys of stores have zero bytes between their parts.
  if (key.is_null() || key.empty() || key.view().find('\0') != std::string_view::npos) {
    return unfit("the key is no transaction");
  }
  if (value.is_null()) return unfit("a part of a transaction without a value");
  const auto& part = table_in<TransactionPart>(value);
  if (!is_known_kind(part.kind())) return unfit("a part of a transaction of an unknown kind");
  if (part.kind() == TransactionPartKind::End) return {};
  if (!is_internal_id(part.id()->string_view())) return unfit("a part's account is no id");
  if (part.kind() != TransactionPartKind::Moved || is_internal_id(text_of(part.to()))) return {};
  return unfit("the record moved to an invalid id");
}

Status check_erasure_record(Bytes key, Bytes value) {
  if (key.is_null() || value.is_null()) return unfit("an erasure without key or value");
  return validate_erasure(value);
}

Status check_child_erasure(Bytes key, Bytes value) {
  MILLRACE_RETURN_IF_ERROR(check_child_key(key));
  return check_erasure_record(key, value);
}

Status check_table_event(Bytes key, Bytes value) {
  if (key.is_null() || value.is_null()) return unfit("an event of a table without key or value");
  const auto& event = table_in<TableEvent>(value);
  if (!is_known_kind(event.kind())) return unfit("an event of a table of an unknown kind");
  MILLRACE_RETURN_IF_ERROR(check_version(view_of(*event.version())));
  if (event.kind() == TableEventKind::Truncated) return {};
  if (event.kind() >= TableEventKind::LoadBegan) {
    return text_of(event.version()->log()).empty() ? Status() : unfit("a load with a log");
  }
  return text_of(event.version()->position()).empty() ? unfit("a snapshot without its place")
                                                      : Status();
}

Status check_table_floor(Bytes key, Bytes value) {
  if (key.is_null() || value.is_null()) return unfit("the floor of a table without key or value");
  const auto& floor = table_in<TableFloor>(value);
  if (!is_known_kind(floor.cause())) return unfit("the floor of a table of an unknown cause");
  return check_version(view_of(*floor.version()));
}

Status check_redirect(Bytes key, Bytes value) {
  if (key.is_null()) return unfit("a redirect without a key");
  if (value.is_null()) return {};
  const auto& redirect = table_in<Redirect>(value);
  if (redirect.id()->size() == 0 || redirect.root()->size() == 0) {
    return unfit("a redirect without an id or a root");
  }
  if (redirect.stays() == nullptr) return {};
  for (const Stay* stay : *redirect.stays()) {
    if (stay->root()->size() == 0) return unfit("a redirect whose records stay nowhere");
  }
  return {};
}

}  // namespace millrace::crm
