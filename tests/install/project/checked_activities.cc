#include "checked_activities.h"

#include <memory>
#include <utility>

namespace mr = millrace;
using example::Activity;

namespace {

using Rejected = mr::Output<"rejected", AccountId, std::string>;

class Check final : public mr::TypedProcessor<AccountId, Activity, AccountId, Activity, Rejected> {
  void on_record(mr::Maybe<AccountId> account, mr::Maybe<Activity> activity,
                 const mr::Record& record) override {
    if (activity && activity->minutes() <= 0) return emit<Rejected>()(*account, "no minutes");
    emit().record(record);
  }
};

}  // namespace

mr::Result<mr::Topology> checked_activities() {
  mr::TopologyBuilder builder{"checked-activities"};
  const auto checked =
      builder.stream(kActivities)
          .process("check", [] { return std::make_unique<Check>(); }, {.keeps_key = true});
  checked.to(kChecked);
  checked.output<Rejected>().to(kRejected);
  return std::move(builder).build();
}
