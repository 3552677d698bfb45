#include "millrace/core/topic.h"
#include "millrace/core/topology.h"

#include "engine/core/thrown.h"

namespace millrace {
namespace {

/// The refusal by a check that may throw, and may give its error any code.
template <class Check>
Status refusal_of(Check&& check) {
  try {
    const Status status = check();
    if (status.ok()) return {};
    return Error{ErrorCode::kInvalidRecord, status.message()};
  } catch (...) {
    return Error{ErrorCode::kInvalidRecord, what_was_thrown()};
  }
}

Status check_pair(const TypeInfo& key_type, const TypeInfo& value_type, const PairCheck& check,
                  Bytes key, Bytes value) {
  MILLRACE_RETURN_IF_ERROR(key_type.check(key));
  MILLRACE_RETURN_IF_ERROR(value_type.check(value));
  if (!check) return {};
  return refusal_of([&] { return check(key, value); });
}

}  // namespace

Status TypeInfo::check(Bytes bytes) const {
  if (bytes.is_null() || !validate) return {};
  return refusal_of([&] { return validate(bytes); });
}

Result<std::string> TypeInfo::json(Bytes bytes) const {
  if (bytes.is_null()) return std::string("null");
  if (write_json == nullptr) {
    return Error{ErrorCode::kInvalidRecord, std::string(name) + " has no form as JSON"};
  }
  MILLRACE_RETURN_IF_ERROR(check(bytes));
  std::string text;
  MILLRACE_RETURN_IF_ERROR(refusal_of([&] { return write_json(bytes, text); }));
  return text;
}

Status TopicUse::check_record(Bytes record_key, Bytes record_value) const {
  return check_pair(key, value, check, record_key, record_value);
}

Status StoreSpec::check_row(Bytes row_key, Bytes row_value) const {
  if (row_key.is_null()) return Error{ErrorCode::kInvalidRecord, "the key of a row is null"};
  if (is_hidden && is_hidden(row_key)) return {};
  return check_pair(key, value, check, row_key, row_value);
}

}  // namespace millrace
