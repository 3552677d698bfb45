#include "engine/metrics/metric_table.h"

#include <fmt/format.h>

namespace millrace::engine {
namespace {

constexpr std::string_view to_string(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      return "histogram";
  }
  return "";
}

}  // namespace

std::string metrics_markdown() {
  std::string text = "| metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n";
  for (const MetricInfo& info : kMetrics) {
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", info.name, to_string(info.kind),
                        info.labels, info.unit, info.help);
  }
  return text;
}

}  // namespace millrace::engine
