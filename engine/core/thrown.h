#pragma once

#include <string>

namespace millrace {

/// The message of the exception that is being handled. REQUIRES: within a catch block.
std::string what_was_thrown();

}  // namespace millrace
