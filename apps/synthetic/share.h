#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::apps::synthetic {

/// A share of the roots: those whose id falls into one of `count` parts of about equal size.
/// Working part by part needs a part of the memory; all parts together cover every root.
struct Share {
  int32_t number = 1;  ///< from 1
  int32_t count = 1;

  bool is_all() const { return count == 1; }
  /// `key` is an output's key: an id, or an id and a zero byte and more.
  bool contains(std::string_view key) const;
  bool operator==(const Share&) const = default;
};

/// "3/20".
std::string to_text(const Share& share);
/// nullopt: `text` is no share.
std::optional<Share> share_from(std::string_view text);

}  // namespace millrace::apps::synthetic
