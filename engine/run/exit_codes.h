#pragma once

#include <span>
#include <string>

namespace millrace::engine {

/// Lines of `--help` about exit codes, each with its meaning in all programs of this project: those
/// in `codes`, or all but 1, which only tools have. apps/README.md has the whole table.
std::string exit_codes_text(std::span<const int> codes = {});

}  // namespace millrace::engine
