#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::peer {

/// An operator with its arguments: first the numbers of the nodes that it reads, then its options.
struct CaseNode {
  std::string operation;
  std::vector<std::string> arguments;
};

/// A record for the topic of a source, which is the node of that number.
struct CaseInput {
  size_t source = 0;
  std::optional<int64_t> key;
  std::optional<std::string> value;
  int64_t time_ms = 0;
};

/// A small topology and its inputs. A node's number is its place; it reads earlier ones only.
struct Case {
  std::string id;
  std::vector<CaseNode> nodes;
  std::vector<CaseInput> inputs;
};

/// Reads a line as README.md describes it. Throws `std::invalid_argument`.
Case parse_case(std::string_view line);

/// Throws `std::invalid_argument` when `text` is not such a number as a whole.
int64_t parse_number(std::string_view text);

}  // namespace millrace::peer
