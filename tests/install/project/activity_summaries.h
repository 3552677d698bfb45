#pragma once

#include <string>

#include "millrace/operators.h"

#include "activities_generated.h"

using AccountId = std::string;

constexpr millrace::Topic<AccountId, example::Activity> kActivities{"crm.activities"};
constexpr millrace::Topic<AccountId, example::Account> kAccounts{"crm.activity-accounts"};
constexpr millrace::Topic<AccountId, example::Summary> kSummaries{"crm.activity-summaries"};

/// Final activities of every account: how many, and how long.
millrace::Result<millrace::Topology> activity_summaries();
