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
/// Windows, sessions, and an outer join of two streams, of one topic. The seed says whether any
/// times come.
std::unique_ptr<Job> make_windows_job(uint64_t seed);
/// Two topics joined by groups and times, behind exchanges, and the matches summed up by windows.
std::unique_ptr<Job> make_matches_job();
/// Two tables joined by a foreign key, inner or left as the seed says, and sums of the join's rows.
std::unique_ptr<Job> make_foreign_keys_job(uint64_t seed);
/// The whole CRM flow on random events, with its oracle.
std::unique_ptr<Job> make_crm_job(uint64_t seed);

/// The job, and in its next version a sub-topology more, behind all others. `ends_upgraded`:
/// whether that has processed its inputs at the end.
std::unique_ptr<Job> make_upgraded_job(std::unique_ptr<Job> job, bool ends_upgraded);

}  // namespace millrace::simulation
