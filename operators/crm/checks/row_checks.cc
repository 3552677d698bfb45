#include "crm/checks/row_checks.h"

#include <string_view>

#include "millrace/core/serde.h"

#include "child_update_generated.h"
#include "crm/checks/record_checks.h"
#include "crm/children/child_key.h"
#include "crm/composite_key.h"
#include "crm/encode.h"
#include "merge_signal_generated.h"

namespace millrace::crm {
namespace {

Error no_row(const char* what) {
  return Error{ErrorCode::kInvalidRecord, what};
}

}  // namespace

Status check_child_row(Bytes key, Bytes value) {
  if (value.is_null() || kind_in_child_key(key.view())) return {};
  return no_row("the key is no kind and id of a child");
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
  if (part.empty()) return Serde<int64_t>::validate(value);
  if (!part.starts_with(std::string_view("d\0", 2))) return {};
  MILLRACE_RETURN_IF_ERROR(Serde<TransactionPart>::validate(value));
  return check_transaction_part(root_in_key(key), value);
}

}  // namespace millrace::crm
