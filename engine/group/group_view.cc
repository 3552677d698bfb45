#include "engine/group/group_view.h"

namespace millrace::engine {

PeerView view_of(const Plan& plan, const GroupLog& log, const std::string& self) {
  const auto holder = [&reports = log.reports()](const std::string& name) {
    const auto entry = reports.find(name);
    return PeerView::Holder{name, entry == reports.end() ? "" : entry->second.report.endpoint};
  };
  PeerView view{.self = self, .tasks = {}};
  for (const Placement& placement : plan.placements) {
    PeerView::Holders& holders = view.tasks[placement.task];
    holders.active = holder(placement.active);
    for (const auto& name : placement.standbys) holders.standbys.push_back(holder(name));
  }
  return view;
}

}  // namespace millrace::engine
