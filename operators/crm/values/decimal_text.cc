#include "crm/values/decimal_text.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "crm/values/base64.h"

namespace millrace::crm {
namespace {

constexpr int32_t kExponentMax = 64;
constexpr size_t kBytesMax = 26;  // 64 digits

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// An unsigned number as digits and the place of its point.
struct Digits {
  bool is_negative = false;
  std::string digits{};
  int32_t scale = 0;  ///< digits behind the point; negative: zeros that follow
};

std::string written(Digits number) {
  std::string& digits = number.digits;
  if (number.scale < 0) digits.append(static_cast<size_t>(-number.scale), '0');
  size_t scale = number.scale > 0 ? static_cast<size_t>(number.scale) : 0;
  if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
  while (scale > 0 && digits.back() == '0') {
    digits.pop_back();
    --scale;
  }
  const size_t whole = digits.size() - scale;
  const size_t first = std::min(digits.find_first_not_of('0'), whole - 1);
  std::string text = digits.substr(first, whole - first);
  if (scale > 0) text.append(1, '.').append(digits, whole, scale);
  if (number.is_negative && text != "0") text.insert(0, 1, '-');
  return text;
}

/// Takes the digits from the front of `text`.
std::string_view take_digits(std::string_view& text) {
  const size_t size = static_cast<size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
  const std::string_view digits = text.substr(0, size);
  text.remove_prefix(size);
  return digits;
}

/// `e-7` and the like, or nothing.
std::optional<int32_t> take_exponent(std::string_view text) {
  if (text.empty()) return 0;
  if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
  text.remove_prefix(1);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  int32_t exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (exponent > kExponentMax || exponent < -kExponentMax) return std::nullopt;
  return exponent;
}

size_t significant(std::string_view canonical) {
  return static_cast<size_t>(std::ranges::count_if(canonical, is_digit));
}

}  // namespace

std::optional<std::string> canonical_decimal(std::string_view text) {
  Digits number;
  number.is_negative = text.starts_with('-');
  if (number.is_negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
  }
  const auto exponent = take_exponent(text);
  if (whole.empty() || !exponent || whole.size() + fraction.size() > 2 * kDecimalDigitsMax) {
    return std::nullopt;
  }
  number.digits.append(whole).append(fraction);
  number.scale = static_cast<int32_t>(fraction.size()) - *exponent;
  std::string canonical = written(std::move(number));
  if (significant(canonical) > kDecimalDigitsMax) return std::nullopt;
  return canonical;
}

bool is_canonical_decimal(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  const size_t digits = significant(text);
  if (digits == 0 || digits > kDecimalDigitsMax || text.size() - digits > 1) return false;
  const size_t point = text.find('.');
  if (text.size() != digits && point == std::string_view::npos) return false;
  if (!is_digit(text.front()) || !is_digit(text.back())) return false;
  if (text == "0") return !is_negative;
  const size_t whole = std::min(point, text.size());
  if (text.front() == '0' && whole > 1) return false;
  return point == std::string_view::npos || text.back() != '0';
}

bool is_whole(std::string_view canonical) {
  return canonical.find('.') == std::string_view::npos;
}

std::strong_ordering compare_decimals(std::string_view a, std::string_view b) {
  const bool is_negative = a.starts_with('-');
  if (is_negative != b.starts_with('-')) {
    return is_negative ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  if (is_negative) {
    std::swap(a, b);
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  const size_t whole_a = std::min(a.find('.'), a.size());
  const size_t whole_b = std::min(b.find('.'), b.size());
  if (whole_a != whole_b) return whole_a <=> whole_b;
  return a <=> b;  // a fraction that ends first is the smaller one
}

std::optional<std::string> decimal_of_base64(std::string_view base64, int32_t scale) {
  std::optional<std::string> bytes = from_base64(base64);
  if (!bytes || bytes->empty() || bytes->size() > kBytesMax) return std::nullopt;
  if (scale > kExponentMax || scale < -kExponentMax) return std::nullopt;
  constexpr unsigned kByte = 256;
  Digits number{.is_negative = static_cast<signed char>(bytes->front()) < 0, .scale = scale};
  if (number.is_negative) {
    unsigned carry = 1;
    for (auto byte = bytes->rbegin(); byte != bytes->rend(); ++byte) {
      const unsigned inverted =
          (~static_cast<unsigned>(static_cast<unsigned char>(*byte)) & 0xff) + carry;
      *byte = static_cast<char>(inverted % kByte);
      carry = inverted / kByte;
    }
    if (carry != 0) bytes->insert(0, 1, '\1');
  }
  std::string reversed;  // decimal digits, the lowest first
  for (const char c : *bytes) {
    unsigned carry = static_cast<unsigned char>(c);
    for (char& digit : reversed) {
      carry += static_cast<unsigned>(digit) * kByte;
      digit = static_cast<char>(carry % 10);
      carry /= 10;
    }
    for (; carry > 0; carry /= 10) reversed += static_cast<char>(carry % 10);
  }
  for (auto digit = reversed.rbegin(); digit != reversed.rend(); ++digit) {
    number.digits += static_cast<char>('0' + *digit);
  }
  if (number.digits.empty()) number.digits += '0';
  std::string canonical = written(std::move(number));
  if (significant(canonical) > kDecimalDigitsMax) return std::nullopt;
  return canonical;
}

}  // namespace millrace::crm
