#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::apps::synthetic {

/// The roots that are looked at: those whose id falls into one of `count` parts of about equal
/// size. What is looked at part by part needs a part of the memory; all parts together are
/// everything.
struct Share {
  int32_t number = 1;  ///< from 1
  int32_t count = 1;

  bool is_all() const { return count == 1; }
  /// Of an output's key, which is an id or begins with one and a zero byte.
  bool contains(std::string_view key) const;
  bool operator==(const Share&) const = default;
};

/// "3/20".
std::string to_text(const Share& share);
/// nullopt: no share.
std::optional<Share> share_from(std::string_view text);

}  // namespace millrace::apps::synthetic
