#include "tests/unit/operators/stream_joins/join_steps.h"

#include <gtest/gtest.h>

#include "operators/stream_joins/join_order.h"

namespace millrace::testing {
namespace {

using operators::JoinKind;
using operators::JoinSide;

constexpr std::string_view kStore = "join";

}  // namespace

std::string both(Maybe<int64_t> left, Maybe<std::string> right) {
  return (left ? std::to_string(*left) : "-") + '+' + (right ? std::string(*right) : "-");
}

Result<Topology> joined(JoinKind kind, const JoinWindows& windows) {
  TopologyBuilder builder{"test"};
  const auto lefts = builder.stream(kLefts);
  const auto rights = builder.stream(kRights);
  const JoinOptions options{.name = std::string(kStore)};
  switch (kind) {
    case JoinKind::kInner:
      lefts.join(rights, both, windows, options).to(kJoined);
      break;
    case JoinKind::kLeft:
      lefts.left_join(rights, both, windows, options).to(kJoined);
      break;
    case JoinKind::kOuter:
      lefts.outer_join(rights, both, windows, options).to(kJoined);
      break;
  }
  return std::move(builder).build();
}

void pipe(Harness& harness, const JoinStep& step) {
  if (step.side == "l") {
    harness.pipe(kLefts, step.key, step.value, step.timestamp_ms);
  } else {
    harness.pipe(kRights, step.key, std::to_string(step.value), step.timestamp_ms);
  }
}

std::string read_joined(Harness& harness) {
  std::string results;
  for (const auto& result : harness.read(kJoined)) {
    if (!results.empty()) results += ' ';
    results += (result.key ? *result.key : "null") + ':' + (result.value ? *result.value : "null");
    results += '@' + std::to_string(result.timestamp_ms);
  }
  return results;
}

void steps(Harness& harness, const std::vector<JoinStep>& all) {
  for (size_t i = 0; i < all.size(); ++i) {
    pipe(harness, all[i]);
    EXPECT_EQ(read_joined(harness), all[i].results) << "step " << i;
  }
}

std::string records_in(const Harness& harness, std::string_view store) {
  std::string records;
  for (const auto& [bytes, row] : harness.store(store)) {
    if (!operators::is_stream_join_key(Bytes(bytes))) continue;
    const auto key = operators::decode_stream_join_key(Bytes(bytes));
    if (!records.empty()) records += ' ';
    records += key.key.view();
    records += (key.side == JoinSide::kLeft ? '<' : '>') + std::to_string(key.time_ms);
  }
  return records;
}

std::unique_ptr<Harness> moved(Result<Topology> topology, const Harness& before) {
  auto after = std::make_unique<Harness>(std::move(topology));
  const DerivedRows& by_end = operators::join_rows_by_end();
  for (const auto& [key, row] : before.store(kStore)) {
    if (by_end.is_derived(Bytes(key))) continue;
    after->restore(kStore, Bytes(key), Bytes(row.first), row.second);
    by_end.derive(Bytes(key), Bytes(row.first), [&](Bytes derived, Bytes value) {
      after->restore(kStore, derived, value, row.second);
    });
  }
  return after;
}

}  // namespace millrace::testing
