#include "job.h"

#include <cstdlib>

#include "jobs.h"

namespace millrace::simulation {

std::vector<std::string> job_names() {
  return {"broadcast", "counting", "tables", "timers"};
}

std::unique_ptr<Job> make_job(const std::string& name) {
  if (name == "broadcast") return make_broadcast_job();
  if (name == "counting") return make_counting_job();
  if (name == "timers") return make_timers_job();
  if (name == "tables") return make_tables_job();
  std::abort();
}

}  // namespace millrace::simulation
