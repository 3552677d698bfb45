#include "crm/checks/input_checks.h"

#include "millrace/core/serde.h"

#include "account_generated.h"
#include "crm/merges/merge_fact.h"
#include "crm/model/account_row.h"
#include "crm/model/ids.h"
#include "erasure_generated.h"
#include "merge_fact_generated.h"

namespace millrace::crm {

Status validate_account_change(Bytes bytes) {
  MILLRACE_RETURN_IF_ERROR(Serde<AccountChange>::validate(bytes));
  return read_change(*flatbuffers::GetRoot<AccountChange>(bytes.data())).status();
}

Status validate_merge_fact(Bytes bytes) {
  MILLRACE_RETURN_IF_ERROR(Serde<MergeFact>::validate(bytes));
  return read_merge_fact(*flatbuffers::GetRoot<MergeFact>(bytes.data())).status();
}

Status validate_erasure(Bytes bytes) {
  MILLRACE_RETURN_IF_ERROR(Serde<Erasure>::validate(bytes));
  const auto& erasure = *flatbuffers::GetRoot<Erasure>(bytes.data());
  if (is_internal_id(erasure.id()->string_view()) && erasure.as_of_ms() >= 0) return {};
  return Error{ErrorCode::kInvalidRecord,
               "an erasure needs an id of the form source:id and a time"};
}

}  // namespace millrace::crm
