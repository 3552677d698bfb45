#include "operators/stream_joins/join_order.h"

#include <string>

#include "millrace/core/serde.h"
#include "millrace/operators/detail/stream_join_codec.h"

namespace millrace::operators {
namespace {

constexpr size_t kSequenceBytes = sizeof(int64_t);
constexpr size_t kSideBytes = 1;

int64_t make_join_end(Bytes row, Bytes /*value*/, std::string& out) {
  const StreamJoinKeyBytes parts = decode_stream_join_key(row);
  const std::string_view side = row.view().substr(parts.key.size(), kSideBytes);
  const std::string_view sequence = row.view().substr(row.size() - kSequenceBytes);
  make_by_end(parts.end_ms, parts.time_ms, {side, parts.key.view(), sequence}, out);
  return parts.end_ms;
}

std::optional<int64_t> read_join_end(Bytes by_end, std::string& row) {
  const std::optional<ByEnd> parts = read_by_end(by_end);
  if (!parts || parts->rest.size() < kSideBytes + kSequenceBytes) return std::nullopt;
  const std::string_view rest = parts->rest.view();
  row = rest.substr(kSideBytes, rest.size() - kSideBytes - kSequenceBytes);
  row += rest.substr(0, kSideBytes);
  row.push_back('\0');
  Serde<int64_t>::encode(parts->start_ms, row);
  Serde<int64_t>::encode(parts->end_ms, row);
  row += rest.substr(rest.size() - kSequenceBytes);
  if (!is_stream_join_key(Bytes(row))) return std::nullopt;
  return parts->end_ms;
}

}  // namespace

const EndOrder& joined_by_end() {
  static constexpr EndOrder order{&make_join_end, &read_join_end};
  return order;
}

const DerivedRows& join_rows_by_end() {
  static const DerivedRows rows{.is_derived = &is_by_end,
                                .derive = [](Bytes key, Bytes value, const DerivedRows::Add& add) {
                                  if (is_own_row(key) || !is_stream_join_key(key)) return;
                                  std::string by_end;
                                  make_join_end(key, value, by_end);
                                  add(Bytes(by_end), Bytes(""));
                                }};
  return rows;
}

Status check_join_row(Bytes key, Bytes value) {
  if (value.is_null()) return {};
  if (decode_stream_join_key(key).side == decode_stream_join_row(value).side) return {};
  return Error{ErrorCode::kInvalidRecord,
               "a row of a join of streams has the value of a side and "
               "the key of the other"};
}

}  // namespace millrace::operators
