#include "faults.h"

#include <fmt/format.h>

namespace millrace::simulation {

std::string_view to_string(Kind kind) {
  static constexpr std::array<std::string_view, kKinds> kNames{"kill",
                                                               "stop",
                                                               "freeze",
                                                               "request-lost",
                                                               "answer-lost",
                                                               "aborted",
                                                               "late",
                                                               "cut",
                                                               "broker-away",
                                                               "leaderless",
                                                               "markers-held",
                                                               "txn-timeout",
                                                               "rebalance",
                                                               "session-end",
                                                               "compaction",
                                                               "retention",
                                                               "day",
                                                               "clock-step",
                                                               "pause",
                                                               "poison",
                                                               "foreign-report",
                                                               "foreign-txn",
                                                               "disk-lost",
                                                               "disk-torn",
                                                               "input-grown",
                                                               "table-grown",
                                                               "input-replaced",
                                                               "changelog-deleted",
                                                               "other-version",
                                                               "foreign-row",
                                                               "upgrade",
                                                               "refusal",
                                                               "odd-time",
                                                               "disk-write",
                                                               "disk-sync",
                                                               "disk-full",
                                                               "disk-read",
                                                               "disk-garbled",
                                                               "snapshot-cut",
                                                               "snapshot-garbled",
                                                               "snapshot-future",
                                                               "snapshot-gone",
                                                               "members-lost"};
  return kNames.at(static_cast<size_t>(kind));
}

std::optional<Kind> kind_of(std::string_view name) {
  for (size_t k = 0; k < kKinds; ++k) {
    if (to_string(static_cast<Kind>(k)) == name) return static_cast<Kind>(k);
  }
  return {};
}

std::string_view to_string(Phase phase) {
  static constexpr std::array<std::string_view, kPhases> kNames{
      "down", "starting", "rebalancing", "restoring", "idle", "processing", "committing"};
  return kNames.at(static_cast<size_t>(phase));
}

std::string coverage_table(const Coverage& coverage) {
  std::string table = fmt::format("{:<18}", "fault");
  for (size_t p = 0; p < kPhases; ++p) {
    table += fmt::format(" {:>11}", to_string(static_cast<Phase>(p)));
  }
  std::string missing;
  for (size_t k = 0; k < kKinds; ++k) {
    const auto kind = static_cast<Kind>(k);
    table += fmt::format("\n{:<18}", to_string(kind));
    int64_t sum = 0;
    for (size_t p = 0; p < kPhases; ++p) {
      const auto found = coverage.find({kind, static_cast<Phase>(p)});
      const int64_t count = found == coverage.end() ? 0 : found->second;
      sum += count;
      table += fmt::format(" {:>11}", count);
    }
    if (sum == 0) missing += fmt::format(" {}", to_string(kind));
  }
  if (!missing.empty()) table += "\nnever struck:" + missing;
  return table;
}

}  // namespace millrace::simulation
