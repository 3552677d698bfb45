#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace millrace::engine {

/// Whether a property of this name may have a value that nobody else should see.
inline bool may_be_secret(std::string_view name) {
  constexpr auto kMarks = std::to_array<std::string_view>(
      {"password", "secret", "key", "pem", "jaas", "token", "credential", "oauth"});
  return std::any_of(kMarks.begin(), kMarks.end(), [name](std::string_view mark) {
    return name.find(mark) != std::string_view::npos;
  });
}

}  // namespace millrace::engine
