#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <unistd.h>

#include "millrace/core/assert.h"

#include "engine/base/hexadecimal.h"

namespace millrace::engine {

inline constexpr size_t kRandomIdLength = 32;

/// 128 random bits in hexadecimal: a name that nobody else has. Each question to another instance
/// has one, so they come from the kernel: the processor's own instruction, which
/// `std::random_device` takes, is slow in a virtual machine.
inline std::string random_id() {
  std::array<char, kRandomIdLength / 2> bytes{};
  MILLRACE_ASSERT(::getentropy(bytes.data(), bytes.size()) == 0, "the kernel gives random bytes");
  return hexadecimal({bytes.data(), bytes.size()});
}

/// Whether `text` has the form of such an id.
inline bool is_random_id(std::string_view text) {
  return text.size() == kRandomIdLength && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace millrace::engine
