#include "tests/peer/functions.h"

#include <stdexcept>

#include <fmt/format.h>

namespace millrace::peer {
namespace {

constexpr size_t kTextMax = 40;

[[noreturn]] void refuse(const std::string& name) {
  throw std::invalid_argument(fmt::format("there is no function '{}'", name));
}

bool has_a(MaybeText value) {
  return value && value->find('a') != std::string_view::npos;
}

Key length(std::string_view value) {
  return static_cast<Key>(value.size());
}

std::string with(std::string_view text, std::string_view suffix) {
  return shortened(std::string(text).append(suffix));
}

}  // namespace

std::string shortened(std::string text) {
  if (text.size() > kTextMax) text.erase(0, text.size() - kTextMax);
  return text;
}

bool test(const std::string& predicate, MaybeKey key, MaybeText value) {
  if (predicate == "odd") return value && value->size() % 2 == 1;
  if (predicate == "has_a") return has_a(value);
  if (predicate == "key_even") return key && *key % 2 == 0;
  if (predicate == "is_null") return !value;
  refuse(predicate);
}

TextOrNull map_value(const std::string& mapper, std::string_view value) {
  if (mapper == "mark") return with(value, "x");
  if (mapper == "first") return std::string(value.substr(0, 1));
  if (mapper == "drop_a") return has_a(value) ? TextOrNull() : TextOrNull(value);
  refuse(mapper);
}

std::string show(MaybeKey key, MaybeText value) {
  return shortened(fmt::format("{}k{}", value ? *value : "n", key ? std::to_string(*key) : "n"));
}

std::vector<std::string> expand_value(const std::string& expander, std::string_view value) {
  if (expander == "twice") return {std::string(value), with(value, "y")};
  if (expander == "unless_a") {
    if (has_a(value)) return {};
    return {std::string(value)};
  }
  if (expander == "letters") {
    std::vector<std::string> letters;
    for (const char letter : value) letters.emplace_back(1, letter);
    return letters;
  }
  refuse(expander);
}

KeyedText map_record(const std::string& mapper, Key key, std::string_view value) {
  if (mapper == "by_length") return {length(value) % 3, with(value, fmt::format("k{}", key))};
  if (mapper == "next") return {(key + 1) % 3, std::string(value)};
  refuse(mapper);
}

std::vector<KeyedText> expand_record(const std::string& expander, Key key, std::string_view value) {
  if (expander == "fan") {
    return {{key, std::string(value)}, {length(value) % 3, with(value, "z")}};
  }
  if (expander == "letters") {
    std::vector<KeyedText> records;
    for (const char letter : value) records.emplace_back(letter % 3, std::string(1, letter));
    return records;
  }
  refuse(expander);
}

MaybeKey select_key(const std::string& selector, MaybeKey key, MaybeText value) {
  if (selector == "mod2") return key ? MaybeKey(*key % 2) : MaybeKey();
  if (selector == "length") return value ? MaybeKey(length(*value) % 3) : MaybeKey();
  if (selector == "unless_a") {
    return value && !has_a(value) ? MaybeKey(length(*value) % 3) : MaybeKey();
  }
  refuse(selector);
}

std::string join_values(MaybeText left, MaybeText right) {
  return shortened(fmt::format("({},{})", left ? *left : "n", right ? *right : "n"));
}

std::string add(std::string_view aggregate, std::string_view value) {
  return shortened(fmt::format("{}+{}", aggregate, value));
}

std::string subtract(std::string_view aggregate, std::string_view value) {
  return shortened(fmt::format("{}-{}", aggregate, value));
}

TextOrNull add_or_erase(std::string_view aggregate, std::string_view value) {
  if (has_a(value)) return std::nullopt;
  return add(aggregate, value);
}

std::string merge_sessions(std::string_view first, std::string_view second) {
  return shortened(fmt::format("{}&{}", first, second));
}

std::string flatten(std::string_view value, int64_t start_ms, int64_t end_ms) {
  return shortened(fmt::format("{}@{}~{}", value, start_ms, end_ms));
}

}  // namespace millrace::peer
