#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::crm {

/// Digits of a decimal number, before and after the point together.
inline constexpr size_t kDecimalDigitsMax = 64;

/// `text` as the one text of its number: `-1099.5`, without leading or trailing zeros and without
/// an exponent; zero is `0`. Takes a sign, digits, a fraction and an exponent. nullopt for all else
/// (NaN, infinity, white space, separators), and beyond `kDecimalDigitsMax`.
std::optional<std::string> canonical_decimal(std::string_view text);
/// Whether `text` is such a text. Then equal numbers are equal texts.
bool is_canonical_decimal(std::string_view text);
bool is_whole(std::string_view canonical);
/// REQUIRES: both are canonical.
std::strong_ordering compare_decimals(std::string_view a, std::string_view b);

/// The number of base64 text whose bytes are a two's complement integer, the highest byte first,
/// that counts units of 10^-scale: Kafka Connect's Decimal. nullopt when it is no such text.
std::optional<std::string> decimal_of_base64(std::string_view base64, int32_t scale);

}  // namespace millrace::crm
