#include "engine/console/sample_parser.h"

#include <charconv>

namespace millrace::engine {
namespace {

/// The value of the first label of `name{label="value",…} …`; empty: it has none.
std::string_view first_label_of(std::string_view line) {
  const size_t begin = line.find("{");
  const size_t open = line.find("=\"");
  if (begin == std::string_view::npos || open == std::string_view::npos) return {};
  const size_t close = line.find('"', open + 2);
  return close == std::string_view::npos ? std::string_view()
                                         : line.substr(open + 2, close - open - 2);
}

}  // namespace

std::map<std::string, double, std::less<>> sum_samples(std::string_view text) {
  std::map<std::string, double, std::less<>> sums;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const size_t space = line.rfind(' ');
    if (line.empty() || line.front() == '#' || space == std::string_view::npos) continue;
    double value = 0;
    const std::string_view number = line.substr(space + 1);
    const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
    if (read.ec != std::errc()) continue;
    std::string name(line.substr(0, line.find_first_of("{ ")));
    sums[name] += value;
    const std::string_view label = first_label_of(line);
    if (!label.empty()) sums[name + '/' + std::string(label)] += value;
  }
  return sums;
}

}  // namespace millrace::engine
