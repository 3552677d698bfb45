#include "apps/synthetic/expected/territory_rule.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

namespace millrace::apps::synthetic {
namespace {

using crm::RuleOperator;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::vector<std::string> entries_of(const std::string& list) {
  std::vector<std::string> entries;
  std::string entry;
  for (const char c : list + ",") {
    if (c == ',') {
      if (!entry.empty()) entries.push_back(lower(entry));
      entry.clear();
    } else if (c != ' ') {
      entry += c;
    }
  }
  return entries;
}

std::optional<double> number_in(const std::string& field, const std::string& text) {
  const bool is_plain = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_plain || field == "postal_code") return std::nullopt;
  return std::strtod(text.c_str(), nullptr);
}

int order_of(const std::string& field, const std::string& have, const std::string& want) {
  const auto a = number_in(field, have);
  const auto b = number_in(field, want);
  if (a && b) return *a < *b ? -1 : *a > *b ? 1 : 0;
  return have.compare(want);
}

bool fits(RuleOperator op, const std::string& field, const std::string& have,
          const std::string& want) {
  switch (op) {
    case RuleOperator::Equals:
    case RuleOperator::NotEqual:
      return order_of(field, have, want) == 0;
    case RuleOperator::GreaterOrEqual:
      return order_of(field, have, want) >= 0;
    case RuleOperator::LessThan:
      return order_of(field, have, want) < 0;
    case RuleOperator::StartsWith:
      return have.starts_with(want);
    case RuleOperator::Contains:
      return have.find(want) != std::string::npos;
    default:
      std::abort();  // the generator makes no others
  }
}

/// `(1 AND 2) OR 3`; AND and OR next to each other are in parentheses.
class Filter {
 public:
  Filter(const std::string& text, const std::vector<bool>& items) : rest_(text), items_(items) {}

  bool chain() {
    bool value = operand();
    for (skip_space(); !rest_.empty() && !rest_.starts_with(")"); skip_space()) {
      const bool is_and = rest_.starts_with("AND");
      rest_.remove_prefix(is_and ? 3 : 2);
      const bool next = operand();
      value = is_and ? value && next : value || next;
    }
    return value;
  }

 private:
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }
  bool operand() {
    skip_space();
    const char first = rest_.front();
    rest_.remove_prefix(1);
    if (first != '(') return items_.at(static_cast<size_t>(first - '1'));
    const bool value = chain();
    rest_.remove_prefix(1);
    return value;
  }

  std::string_view rest_;
  const std::vector<bool>& items_;
};

}  // namespace

FieldTexts lower_case(FieldTexts fields) {
  for (auto& [name, value] : fields) {
    if (value) value = lower(*std::move(value));
  }
  return fields;
}

TerritoryRule::TerritoryRule(const crm::TerritoryRuleT& rule) : filter_(rule.filter) {
  for (const auto& item : rule.items) {
    items_.push_back({item->field, item->operator_, entries_of(item->values)});
  }
}

bool TerritoryRule::Item::matches(const FieldTexts& fields) const {
  const auto found = fields.find(field);
  const bool is_null = found == fields.end() || !found->second || found->second->empty();
  bool any = is_null && wanted.empty();
  if (!is_null && !wanted.empty()) {
    any = std::ranges::any_of(
        wanted, [&](const auto& want) { return fits(op, field, *found->second, want); });
  }
  return any != (op == RuleOperator::NotEqual);
}

bool TerritoryRule::matches(const FieldTexts& fields) const {
  const auto fits_all = [&](const Item& item) { return item.matches(fields); };
  if (filter_.empty()) return std::ranges::all_of(items_, fits_all);
  std::vector<bool> answers;
  answers.reserve(items_.size());
  for (const Item& item : items_) answers.push_back(item.matches(fields));
  return Filter(filter_, answers).chain();
}

}  // namespace millrace::apps::synthetic
