#pragma once

#include <map>
#include <string>
#include <string_view>

namespace millrace::engine {

/// The series of a text in Prometheus' format, summed: by their metric's name, and by name and
/// value of their first label, as in `millrace_commit_phase_seconds_sum/drain`. Lines that are no
/// sample are skipped.
std::map<std::string, double, std::less<>> sum_samples(std::string_view text);

}  // namespace millrace::engine
