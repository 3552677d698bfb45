#include "crm/decode/order/salesforce_order.h"

#include <cstdlib>
#include <string>
#include <utility>

#include "crm/decode/order/position_text.h"

namespace millrace::crm {
namespace {

/// Newer instances number commits by their time in nanoseconds.
bool is_time(uint64_t commit_number, int64_t time_ms) {
  constexpr uint64_t kNsOfMs = 1'000'000;
  constexpr int64_t kDayMs = 86'400'000;
  return std::abs(static_cast<int64_t>(commit_number / kNsOfMs) - time_ms) <= kDayMs;
}

}  // namespace

void add_salesforce_place(VersionView& version, std::optional<uint64_t> commit_number,
                          const TopicMapping& mapping, KeptTexts& texts) {
  if (!commit_number) return;
  const int64_t time_ms = version.commit_timestamp_ms;
  std::string log = mapping.source;
  if (is_time(*commit_number, time_ms)) log += "/ns";
  PositionText position;
  position.add(log_number(mapping.log_starts, time_ms)).add(*commit_number);
  version.log = texts.keep(std::move(log));
  version.position = texts.keep(position.take());
}

}  // namespace millrace::crm
