#include "operators/suppress/held_order.h"

#include "millrace/operators/suppress/held_change.h"

namespace millrace::operators {
namespace {

int64_t make_due_key(Bytes row, Bytes value, std::string& out) {
  const int64_t due_ms = decode_held_change(value).due_ms;
  make_by_end(due_ms, due_ms, {row.view()}, out);
  return due_ms;
}

std::optional<int64_t> read_due_key(Bytes by_end, std::string& row) {
  const std::optional<ByEnd> parts = read_by_end(by_end);
  if (!parts) return std::nullopt;
  row = parts->rest.view();
  return parts->end_ms;
}

}  // namespace

const EndOrder& held_by_due() {
  static constexpr EndOrder order{&make_due_key, &read_due_key};
  return order;
}

const DerivedRows& held_rows_by_due() {
  static const DerivedRows rows{.is_derived = &is_by_end,
                                .derive = [](Bytes key, Bytes value, const DerivedRows::Add& add) {
                                  if (is_own_row(key)) return;
                                  std::string by_due;
                                  make_due_key(key, value, by_due);
                                  add(Bytes(by_due), Bytes(""));
                                }};
  return rows;
}

}  // namespace millrace::operators
