#pragma once

#include <charconv>
#include <string_view>
#include <system_error>

namespace millrace::engine {

/// Reads a text that is one decimal number; false: it is none, or it does not fit.
template <class Number>
bool read_number(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && rest == end;
}

}  // namespace millrace::engine
