#include "tests/peer/case.h"

#include <charconv>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>

namespace millrace::peer {
namespace {

constexpr std::string_view kNull = "-";

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

CaseNode parse_node(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ':');
  CaseNode node;
  node.operation = parts[0];
  node.arguments.assign(parts.begin() + 1, parts.end());
  return node;
}

CaseInput parse_input(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ':');
  if (parts.size() != 4) throw std::invalid_argument(fmt::format("'{}' is no input", text));
  CaseInput input;
  input.source = static_cast<size_t>(parse_number(parts[0]));
  if (parts[1] != kNull) input.key = parse_number(parts[1]);
  if (parts[2] != kNull) input.value = std::string(parts[2]);
  input.time_ms = parse_number(parts[3]);
  return input;
}

}  // namespace

int64_t parse_number(std::string_view text) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) {
    throw std::invalid_argument(fmt::format("'{}' is no number", text));
  }
  return number;
}

Case parse_case(std::string_view line) {
  const std::vector<std::string_view> parts = split(line, '|');
  if (parts.size() != 3) throw std::invalid_argument("a case has an id, nodes and inputs");
  Case parsed;
  parsed.id = parts[0];
  for (const std::string_view node : split(parts[1], ' ')) parsed.nodes.push_back(parse_node(node));
  if (parts[2].empty()) return parsed;
  for (const std::string_view input : split(parts[2], ' ')) {
    parsed.inputs.push_back(parse_input(input));
  }
  return parsed;
}

}  // namespace millrace::peer
