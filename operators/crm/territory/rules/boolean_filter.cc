#include "crm/territory/rules/boolean_filter.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include "crm/territory/rules/field_value.h"

namespace millrace::crm::territory {
namespace {

using Terms = std::vector<FilterTerm>;

bool contains_term(FilterTerm outer, FilterTerm inner) {
  return (outer & inner) == inner;
}

/// Sorted, without terms that contain another one: those decide nothing.
Terms reduced(Terms terms) {
  std::ranges::sort(terms);
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  Terms kept;
  for (const FilterTerm term : terms) {
    const bool implied = std::ranges::any_of(
        terms, [term](FilterTerm other) { return other != term && contains_term(term, other); });
    if (!implied) kept.push_back(term);
  }
  return kept;
}

Error error_at(size_t position, std::string_view what) {
  return {ErrorCode::kInvalidRecord,
          "filter, column " + std::to_string(position + 1) + ": " + std::string(what)};
}

Error too_large(std::string_view what, size_t limit) {
  return {ErrorCode::kInvalidRecord,
          "filter: more than " + std::to_string(limit) + " " + std::string(what)};
}

enum class TokenKind : unsigned char { kItem, kAnd, kOr, kOpen, kClose, kEnd, kBad };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  size_t position = 0;
  size_t item = 0;  ///< from 1
};

/// Recursive descent; every expression is returned in reduced disjunctive form.
class Parser {
 public:
  Parser(std::string_view text, size_t items) : text_(text), items_(items) { advance(); }

  Result<Terms> parse() {
    Result<Terms> terms = expression(0);
    if (terms.ok() && token_.kind != TokenKind::kEnd) {
      return error_at(token_.position, "expected AND, OR or the end of the filter");
    }
    return terms;
  }

 private:
  void advance();
  void read_number();
  void read_word();
  Result<Terms> expression(size_t depth);
  Result<Terms> operand(size_t depth);
  static Result<Terms> combine(TokenKind kind, Terms left, const Terms& right);

  std::string_view text_;
  size_t items_;
  size_t next_ = 0;
  Token token_;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

void Parser::advance() {
  while (next_ < text_.size() && is_space(text_[next_])) ++next_;
  token_ = {TokenKind::kEnd, next_, 0};
  if (next_ == text_.size()) return;
  const char c = text_[next_];
  if (is_digit(c)) return read_number();
  if (is_letter(c)) return read_word();
  ++next_;
  token_.kind = c == '(' ? TokenKind::kOpen : c == ')' ? TokenKind::kClose : TokenKind::kBad;
}

void Parser::read_number() {
  constexpr size_t kBase = 10;
  token_.kind = TokenKind::kItem;
  for (; next_ < text_.size() && is_digit(text_[next_]); ++next_) {
    token_.item = token_.item * kBase + static_cast<size_t>(text_[next_] - '0');
    token_.item = std::min(token_.item, kFilterItemsMax + 1);
  }
}

void Parser::read_word() {
  std::string word;
  for (; next_ < text_.size() && is_letter(text_[next_]); ++next_) {
    word += static_cast<char>(std::toupper(static_cast<unsigned char>(text_[next_])));
  }
  token_.kind = word == "AND" ? TokenKind::kAnd : word == "OR" ? TokenKind::kOr : TokenKind::kBad;
}

Result<Terms> Parser::expression(size_t depth) {
  Result<Terms> left = operand(depth);
  TokenKind used = TokenKind::kEnd;
  while (left.ok() && (token_.kind == TokenKind::kAnd || token_.kind == TokenKind::kOr)) {
    const TokenKind kind = token_.kind;
    if (used != TokenKind::kEnd && kind != used) {
      return error_at(token_.position, "AND and OR side by side need parentheses");
    }
    used = kind;
    advance();
    Result<Terms> right = operand(depth);
    if (!right.ok()) return right;
    left = combine(kind, std::move(*left), *right);
  }
  return left;
}

Result<Terms> Parser::operand(size_t depth) {
  const Token token = token_;
  if (token.kind == TokenKind::kItem) {
    if (token.item == 0 || token.item > items_) {
      return error_at(token.position,
                      "there is no such item; the rule has " + std::to_string(items_));
    }
    advance();
    return Terms{FilterTerm{1} << (token.item - 1)};
  }
  if (token.kind != TokenKind::kOpen) {
    return error_at(token.position, "expected the number of an item or '('");
  }
  if (depth == kFilterDepthMax)
    return error_at(token.position, "parentheses are nested too deeply");
  advance();
  Result<Terms> inner = expression(depth + 1);
  if (!inner.ok()) return inner;
  if (token_.kind != TokenKind::kClose) {
    return error_at(token_.position, "expected AND, OR or ')'");
  }
  advance();
  return inner;
}

Result<Terms> Parser::combine(TokenKind kind, Terms left, const Terms& right) {
  Terms terms;
  if (kind == TokenKind::kOr) {
    terms = std::move(left);
    terms.insert(terms.end(), right.begin(), right.end());
  } else {
    terms.reserve(left.size() * right.size());
    for (const FilterTerm a : left) {
      for (const FilterTerm b : right) terms.push_back(a | b);
    }
  }
  terms = reduced(std::move(terms));
  if (terms.size() > kFilterTermsMax) return too_large("terms", kFilterTermsMax);
  return terms;
}

}  // namespace

Result<std::vector<FilterTerm>> parse_filter(std::string_view text, size_t items) {
  if (items == 0) return Error{ErrorCode::kInvalidRecord, "a rule needs an item"};
  if (items > kFilterItemsMax) return too_large("items", kFilterItemsMax);
  if (text.size() > kFilterBytesMax) return too_large("bytes", kFilterBytesMax);
  if (std::ranges::all_of(text, is_space)) {
    return Terms{~FilterTerm{0} >> (kFilterItemsMax - items)};
  }
  return Parser(text, items).parse();
}

}  // namespace millrace::crm::territory
