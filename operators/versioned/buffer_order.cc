#include "operators/versioned/buffer_order.h"

#include <string>

#include "millrace/core/serde.h"
#include "millrace/operators/detail/versioned/buffered_codec.h"

namespace millrace::operators {
namespace {

constexpr size_t kArrivalBytes = sizeof(int64_t);

int64_t make_buffered_end(Bytes row, Bytes /*value*/, std::string& out) {
  const BufferedKeyBytes parts = decode_buffered_key(row);
  const std::string_view sequence = row.view().substr(row.size() - kArrivalBytes);
  make_by_end(parts.end_ms, parts.time_ms, {sequence, parts.key.view()}, out);
  return parts.end_ms;
}

std::optional<int64_t> read_buffered_end(Bytes by_end, std::string& row) {
  const std::optional<ByEnd> parts = read_by_end(by_end);
  if (!parts || parts->rest.size() < kArrivalBytes) return std::nullopt;
  const Bytes key(parts->rest.data() + kArrivalBytes, parts->rest.size() - kArrivalBytes);
  const int64_t sequence = Serde<int64_t>::view(Bytes(parts->rest.data(), kArrivalBytes));
  if (sequence < 0) return std::nullopt;
  encode_buffered_key({key, parts->start_ms, parts->end_ms, static_cast<uint64_t>(sequence)}, row);
  return parts->end_ms;
}

}  // namespace

const EndOrder& buffered_by_end() {
  static constexpr EndOrder order{&make_buffered_end, &read_buffered_end};
  return order;
}

const DerivedRows& buffered_rows_by_end() {
  static const DerivedRows rows{.is_derived = &is_by_end,
                                .derive = [](Bytes key, Bytes value, const DerivedRows::Add& add) {
                                  if (is_own_row(key) || !is_buffered_key(key)) return;
                                  std::string by_end;
                                  make_buffered_end(key, value, by_end);
                                  add(Bytes(by_end), Bytes(""));
                                }};
  return rows;
}

}  // namespace millrace::operators
