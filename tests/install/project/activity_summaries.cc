#include "activity_summaries.h"

#include <utility>

namespace mr = millrace;
using example::Account, example::Activity, example::Summary;

namespace {

bool is_final(const Activity& activity) {
  return activity.is_final();
}

mr::Flat<Summary> add_activity(const mr::ViewOf<mr::Joined<Activity, Account>>& activity,
                               mr::Maybe<Summary> so_far) {
  example::SummaryT summary;
  summary.account_name = activity.right.name()->str();
  summary.activities = (so_far ? so_far->activities() : 0) + 1;
  summary.minutes = (so_far ? so_far->minutes() : 0) + activity.left.minutes();
  return mr::Flat<Summary>(summary);
}

}  // namespace

mr::Result<mr::Topology> activity_summaries() {
  mr::TopologyBuilder builder{"activity-summaries"};
  const auto accounts = builder.table(kAccounts);
  builder.stream(kActivities)
      .filter(is_final)
      .join(accounts)
      .aggregate("activity-totals", add_activity)
      .to(kSummaries);
  return std::move(builder).build();
}
