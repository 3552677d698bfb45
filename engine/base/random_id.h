#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace millrace::engine {

inline constexpr size_t kRandomIdLength = 32;

/// 128 random bits in hexadecimal: a name that nobody else has.
inline std::string random_id() {
  std::random_device random;
  std::string text;
  while (text.size() < kRandomIdLength) text += fmt::format("{:08x}", random());
  return text;
}

/// Whether `text` has the form of such an id.
inline bool is_random_id(std::string_view text) {
  return text.size() == kRandomIdLength && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace millrace::engine
