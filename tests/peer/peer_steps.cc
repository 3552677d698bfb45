// Runs cases on Millrace: reads a case a line from stdin, and prints its outputs step by step.

#include <exception>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "millrace/operators.h"
#include "millrace/testing/topology_driver.h"

#include "tests/peer/case.h"
#include "tests/peer/functions.h"
#include "tests/peer/plan.h"

namespace millrace::peer {
namespace {

using testing::DriverOptions;
using testing::DriverRecord;
using testing::TopologyDriver;

std::string text_of_key(const DriverRecord& record, bool is_windowed) {
  if (!record.key) return "-";
  const Bytes bytes(*record.key);
  if (!is_windowed) return std::to_string(view_of<Key>(bytes));
  const WindowedView<Key> window = view_of<Windowed<Key>>(bytes);
  return fmt::format("{}[{},{})", window.key, window.start_ms, window.end_ms);
}

void print_outputs(TopologyDriver& driver, const std::vector<Output>& outputs) {
  for (const Output& output : outputs) {
    for (const DriverRecord& record : driver.read_bytes(output.topic)) {
      std::cout << fmt::format("{} {} {} {}\n", output.node,
                               text_of_key(record, output.is_windowed), record.value.value_or("-"),
                               record.timestamp_ms);
    }
  }
}

void pipe(TopologyDriver& driver, const CaseInput& input) {
  std::optional<std::string> key;
  if (input.key) encode_as<Key>(*input.key, key.emplace());
  driver.pipe_bytes(input_topic(input.source), key, input.value ? Bytes(*input.value) : Bytes(),
                    input.time_ms);
}

/// Each input is committed before the next one comes, so no step hides results of another.
Status run_steps(const Case& of) {
  Plan plan = make_plan(of);
  MILLRACE_RETURN_IF_ERROR(plan.topology.status());
  DriverOptions options;
  options.engine.log_level = "off";
  TopologyDriver driver(std::move(plan.topology), std::move(options));
  for (size_t step = 0; step < of.inputs.size(); ++step) {
    std::cout << "step " << step << '\n';
    pipe(driver, of.inputs[step]);
    MILLRACE_RETURN_IF_ERROR(driver.try_run());
    print_outputs(driver, plan.outputs);
  }
  return {};
}

void run_line(const std::string& line) {
  try {
    const Case parsed = parse_case(line);
    std::cout << "case " << parsed.id << '\n';
    const Status status = run_steps(parsed);
    if (!status.ok()) std::cout << "failed " << status.message() << '\n';
  } catch (const std::exception& error) {
    std::cout << "failed " << error.what() << '\n';
  }
  std::cout << "end" << std::endl;  // who waits for the answer needs it now
}

}  // namespace
}  // namespace millrace::peer

int main() {
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) millrace::peer::run_line(line);
  return 0;
}
