#include "job.h"

#include <cstdlib>
#include <utility>

#include "jobs.h"

namespace millrace::simulation {

std::vector<std::string> small_job_names() {
  return {"broadcast", "counting", "tables", "timers"};
}

std::vector<std::string> language_job_names() {
  return {"foreign_keys", "matches", "windows"};
}

std::vector<std::string> job_names() {
  std::vector<std::string> names = small_job_names();
  for (std::string& name : language_job_names()) names.push_back(std::move(name));
  names.emplace_back("limits");
  names.emplace_back("crm");
  return names;
}

std::unique_ptr<Job> make_job(const std::string& name, uint64_t seed) {
  if (name == "crm") return make_crm_job(seed);
  if (name == "broadcast") return make_broadcast_job();
  if (name == "counting") return make_counting_job();
  if (name == "foreign_keys") return make_foreign_keys_job(seed);
  if (name == "limits") return make_limits_job();
  if (name == "matches") return make_matches_job();
  if (name == "timers") return make_timers_job(seed);
  if (name == "tables") return make_tables_job();
  if (name == "windows") return make_windows_job(seed);
  std::abort();
}

}  // namespace millrace::simulation
