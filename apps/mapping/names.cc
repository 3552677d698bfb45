#include "apps/mapping/names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace millrace::apps {
namespace {

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

bool is_lower(char c) {
  return (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

char lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Letters and digits in lower case.
std::string bare(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (is_upper(c) || is_lower(c) || is_digit(c)) text += lower(c);
  }
  return text;
}

/// Letters to insert, remove or replace, swaps of neighbours counted as one.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> table(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) table[i][0] = i;
  std::iota(table[0].begin(), table[0].end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      table[i][j] = std::min({table[i - 1][j] + 1, table[i][j - 1] + 1, replaced});
      const bool is_swap =
          i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && a[i - 1] != b[j - 1];
      if (is_swap) table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
    }
  }
  return table[a.size()][b.size()];
}

}  // namespace

std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::exchange(word, {}));
  };
  constexpr std::string_view kCustom = "__c";  // Salesforce's mark of custom fields
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!is_upper(c) && !is_lower(c) && !is_digit(c)) {
      end_word();
      const std::string_view rest = name.substr(i);
      const bool is_mark = rest.starts_with(kCustom) &&
                           (rest.size() == kCustom.size() || rest[kCustom.size()] == '.');
      if (is_mark) i += kCustom.size() - 1;
      continue;
    }
    // "crmAccountID" is crm, account, id; "CUSTOMER" is one word.
    const bool begins = is_upper(c) && i > 0 &&
                        (is_lower(name[i - 1]) || is_digit(name[i - 1]) ||
                         (is_upper(name[i - 1]) && i + 1 < name.size() && is_lower(name[i + 1])));
    if (begins) end_word();
    word += lower(c);
  }
  end_word();
  return words;
}

std::string snake_case(std::string_view name) {
  std::string text;
  for (const std::string& word : words_of(name)) text.append(text.empty() ? "" : "_").append(word);
  return text;
}

std::string plain_word(std::string_view name) {
  std::string text;
  for (const std::string& word : words_of(name)) text += word;
  if (text.ends_with("ies")) return text.replace(text.size() - 3, 3, "y");
  if (text.ends_with('s') && !text.ends_with("ss")) text.pop_back();
  return text;
}

std::optional<std::string_view> closest_name(std::string_view name,
                                             const std::vector<std::string_view>& candidates) {
  constexpr size_t kLengthMax = 255;
  constexpr size_t kShare = 3;
  const std::string wanted = bare(name.substr(0, kLengthMax));
  std::optional<std::string_view> closest;
  size_t fewest = wanted.size() / kShare + 1;
  for (const std::string_view candidate : candidates) {
    const size_t changes = distance(wanted, bare(candidate.substr(0, kLengthMax)));
    if (changes >= fewest) continue;
    fewest = changes;
    closest = candidate;
  }
  return closest;
}

}  // namespace millrace::apps
