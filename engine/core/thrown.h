#pragma once

#include <string>

namespace millrace {

/// What the exception that is being handled says. REQUIRES: within a catch block.
std::string what_was_thrown();

}  // namespace millrace
