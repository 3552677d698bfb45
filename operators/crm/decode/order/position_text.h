#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <span>
#include <string>

namespace millrace::crm {

/// Writes numbers as printable text whose bytes have the order of the list of numbers.
///
/// A number is one character for the count of its hexadecimal digits (0–9, then a–g), and these
/// digits without leading zeros: 0 is "0", 255 is "2ff".
class PositionText {
 public:
  PositionText& add(uint64_t number) {
    constexpr int kHex = 16;
    std::array<char, 16> digits;
    const char* end =
        number == 0 ? digits.data()
                    : std::to_chars(digits.data(), digits.data() + digits.size(), number, kHex).ptr;
    const auto count = static_cast<size_t>(end - digits.data());
    text_ += "0123456789abcdefg"[count];
    text_.append(digits.data(), count);
    return *this;
  }

  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// The number of moments in `log_starts` (ascending) up to `time_ms`: the log of a source that
/// began a new one at each of them. A position begins with it, so that a later log follows an
/// earlier one.
inline uint64_t log_number(std::span<const int64_t> log_starts, int64_t time_ms) {
  return static_cast<uint64_t>(std::ranges::upper_bound(log_starts, time_ms) - log_starts.begin());
}

}  // namespace millrace::crm
