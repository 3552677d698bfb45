#include "millrace/operators/suppress/held_change.h"

#include <fmt/format.h>

#include "millrace/core/assert.h"
#include "millrace/core/serde.h"
#include "millrace/operators/detail/pair_codec.h"
#include "millrace/operators/detail/windowed_bytes.h"

namespace millrace::operators {
namespace {

constexpr size_t kDueBytes = sizeof(int64_t);

int64_t due_in(Bytes bytes) {
  return Serde<int64_t>::view(Bytes(bytes.data(), kDueBytes));
}

Bytes held_rows_in(Bytes bytes) {
  return {bytes.data() + kDueBytes, bytes.size() - kDueBytes};
}

}  // namespace

void encode_held_change(const HeldChangeBytes& change, std::string& out) {
  MILLRACE_ASSERT(change.due_ms >= 0 && change.due_ms <= kWindowEndMaxMs, "a time without rows");
  out.clear();
  Serde<int64_t>::encode(change.due_ms, out);
  encode_pair({change.emitted, change.value}, out);
}

Status validate_held_change(Bytes bytes, Status (*row)(Bytes)) {
  if (bytes.size() < kDueBytes || due_in(bytes) < 0 || due_in(bytes) > kWindowEndMaxMs) {
    return Error{ErrorCode::kInvalidRecord,
                 fmt::format("{} bytes are no change that is held back", bytes.size())};
  }
  MILLRACE_RETURN_IF_ERROR(validate_parts(held_rows_in(bytes), row, row));
  const HeldChangeBytes change = decode_held_change(bytes);
  if (!change.emitted.is_null() || !change.value.is_null()) return {};
  return Error{ErrorCode::kInvalidRecord, "a change that is held back has two nulls"};
}

HeldChangeBytes decode_held_change(Bytes bytes) {
  const BytesPair rows = decode_pair(held_rows_in(bytes));
  return {due_in(bytes), rows.first, rows.second};
}

}  // namespace millrace::operators
