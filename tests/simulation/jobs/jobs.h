#pragma once

#include <cstdint>
#include <memory>

#include "job.h"

namespace millrace::simulation {

/// Counts records by a group, behind an exchange.
std::unique_ptr<Job> make_counting_job();
/// Timers of keys, set again, cancelled and fired, on the clock that the seed says: the wall's or
/// that of the inputs' times.
std::unique_ptr<Job> make_timers_job(uint64_t seed);
/// Records whose results topics take or refuse.
std::unique_ptr<Job> make_limits_job();
/// Records that meet the rows of a broadcast table.
std::unique_ptr<Job> make_broadcast_job();
/// Two tables joined, and the join's rows summed up by groups, with retractions.
std::unique_ptr<Job> make_tables_job();
/// The whole CRM flow on random events, with its oracle.
std::unique_ptr<Job> make_crm_job(uint64_t seed);

/// The job, and in its next version a sub-topology more, behind all others. `ends_upgraded`:
/// whether that has processed its inputs at the end.
std::unique_ptr<Job> make_upgraded_job(std::unique_ptr<Job> job, bool ends_upgraded);

}  // namespace millrace::simulation
