#pragma once

#include "activity_summaries.h"

constexpr millrace::Topic<AccountId, example::Activity> kChecked{"crm.checked-activities"};
constexpr millrace::Topic<AccountId, std::string> kRejected{"crm.rejected-activities"};

/// Activities with a length; the others go to a topic of their own, with the reason.
millrace::Result<millrace::Topology> checked_activities();
