#pragma once

#include <memory>

#include "job.h"

namespace millrace::simulation {

/// Counts records by a group, behind an exchange.
std::unique_ptr<Job> make_counting_job();
/// Timers of keys on the wall's clock, set again, cancelled and fired.
std::unique_ptr<Job> make_timers_job();
/// Records that meet the rows of a broadcast table.
std::unique_ptr<Job> make_broadcast_job();
/// Two tables joined, and the join's rows summed up by groups, with retractions.
std::unique_ptr<Job> make_tables_job();

}  // namespace millrace::simulation
