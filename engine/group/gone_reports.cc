#include "engine/group/gone_reports.h"

#include <utility>

namespace millrace::engine {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kLookIntervalNs = 10 * kNsPerSecond;
constexpr int64_t kGoneNs = 600 * kNsPerSecond;
constexpr size_t kFoundMax = 100;

}  // namespace

std::vector<std::string> GoneReports::find(const GroupLog& log, const Plan& plan, int64_t now_ns) {
  std::vector<std::string> found;
  if (now_ns - looked_ns_ < kLookIntervalNs) return found;
  looked_ns_ = now_ns;
  std::map<std::string, Absence> absences;
  for (const auto& [instance, entry] : log.reports()) {
    if (plan.members.contains(instance)) continue;
    Absence absence{entry.offset, now_ns};
    const auto known = absences_.find(instance);
    if (known != absences_.end() && known->second.offset == entry.offset) absence = known->second;
    absences.emplace(instance, absence);
    if (now_ns - absence.since_ns < kGoneNs || found.size() == kFoundMax) continue;
    found.push_back(instance);
  }
  absences_ = std::move(absences);
  return found;
}

}  // namespace millrace::engine
