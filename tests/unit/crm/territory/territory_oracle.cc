#include "territory_oracle.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <functional>

namespace millrace::crm::territory {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string trim(const std::string& text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  std::vector<std::string> kept;
  for (const std::string& part : parts) {
    if (!trim(part).empty()) kept.push_back(trim(part));
  }
  return kept;
}

/// A text and, if it is one, its number.
struct Value {
  explicit Value(const std::string& raw) : text(lower(raw)) {
    if (raw.find_first_not_of("-.0123456789") != std::string::npos) return;
    // One text a number: no zeros in front or at the end of a fraction.
    const std::string digits = raw.substr(raw.front() == '-' ? 1 : 0);
    if (digits.size() > 1 && digits[0] == '0' && digits[1] != '.') return;
    if (raw == "-0" || (raw.find('.') != std::string::npos && raw.back() == '0')) return;
    if (std::isdigit(static_cast<unsigned char>(raw.back())) == 0) return;
    char* end = nullptr;
    const double parsed = std::strtod(raw.c_str(), &end);
    if (*end == '\0') number = parsed;
  }
  std::string text;
  std::optional<double> number{};
};

using Values = std::map<std::string, Value>;

struct Item {
  std::string field;
  RuleOperator op{};
  bool is_number = false;
  bool is_text = false;
  std::vector<Value> values;

  static bool is_denial(RuleOperator op) {
    return op == RuleOperator::NotEqual || op == RuleOperator::NotContain ||
           op == RuleOperator::Excludes;
  }
  bool is_valid() const {
    const bool is_equality = op == RuleOperator::Equals || op == RuleOperator::NotEqual;
    const bool is_inner = op == RuleOperator::Contains || op == RuleOperator::NotContain ||
                          op == RuleOperator::StartsWith || op == RuleOperator::Includes ||
                          op == RuleOperator::Excludes;
    if (values.empty() && !is_equality) return false;
    return std::ranges::all_of(values, [&](const Value& value) {
      if (is_number && !is_inner && !value.number) return false;
      const bool is_multiple = op == RuleOperator::Includes || op == RuleOperator::Excludes;
      return !is_multiple || value.text.find(';') == std::string::npos;
    });
  }

  bool fits(const Value& have, const Value& want) const {
    const bool by_number = !is_text && have.number && want.number;
    const int text_order = have.text.compare(want.text);
    const int order = by_number ? (*have.number < *want.number   ? -1
                                   : *have.number > *want.number ? 1
                                                                 : 0)
                                : text_order;
    const bool comparable =
        by_number || (!is_number && have.number.has_value() == want.number.has_value()) || is_text;
    switch (op) {
      case RuleOperator::Equals:
      case RuleOperator::NotEqual:
        return comparable && order == 0;
      case RuleOperator::LessThan:
        return comparable && order < 0;
      case RuleOperator::GreaterThan:
        return comparable && order > 0;
      case RuleOperator::LessOrEqual:
        return comparable && order <= 0;
      case RuleOperator::GreaterOrEqual:
        return comparable && order >= 0;
      case RuleOperator::Contains:
      case RuleOperator::NotContain:
        return have.text.find(want.text) != std::string::npos;
      case RuleOperator::StartsWith:
        return have.text.compare(0, want.text.size(), want.text) == 0;
      case RuleOperator::Includes:
      case RuleOperator::Excludes:
        return std::ranges::count(split(have.text, ';'), want.text) > 0;
    }
    return false;
  }

  bool matches(const Values& account) const {
    const auto have = account.find(field);
    bool any = false;
    if (have == account.end()) {
      any = values.empty();
    } else {
      for (const Value& want : values) any = any || fits(have->second, want);
    }
    return any != is_denial(op);
  }
};

/// A filter as a function, or nothing if it makes no sense.
using Asked = std::function<bool(const Values&)>;

struct FilterText {
  const std::vector<Item>& items;
  std::vector<std::string> tokens;
  size_t next = 0;

  FilterText(const std::vector<Item>& all, const std::string& text) : items(all) {
    std::string spaced;
    for (const char c : text)
      spaced += c == '(' || c == ')' ? std::string{' ', c, ' '} : std::string{c};
    tokens = split(spaced, ' ');
  }
  std::string peek() const { return next < tokens.size() ? lower(tokens[next]) : ""; }

  Asked operand() {
    const std::string token = peek();
    ++next;
    if (token == "(") {
      Asked inner = chain();
      if (peek() != ")") return {};
      ++next;
      return inner;
    }
    if (token.empty() || token.find_first_not_of("0123456789") != std::string::npos) return {};
    const size_t number = std::stoul(token);
    if (number == 0 || number > items.size()) return {};
    const Item* item = &items[number - 1];
    return [item](const Values& account) { return item->matches(account); };
  }

  Asked chain() {
    Asked left = operand();
    const std::string word = peek();
    while (left && peek() == word && (word == "and" || word == "or")) {
      ++next;
      Asked right = operand();
      if (!right) return {};
      const bool is_and = word == "and";
      left = [is_and, a = std::move(left), b = std::move(right)](const Values& account) {
        return is_and ? a(account) && b(account) : a(account) || b(account);
      };
    }
    return left;
  }
};

}  // namespace

struct TerritoryOracle::Rule {
  std::vector<Item> items;
  Asked test;  ///< empty: matches nothing
  bool answer = false;
};

struct TerritoryOracle::Place {
  std::string id;
  std::vector<Rule*> rules;
};

TerritoryOracle::TerritoryOracle() = default;
TerritoryOracle::~TerritoryOracle() = default;

void TerritoryOracle::apply(const RuleSetChange& change) {
  is_prepared_ = false;
  if (const auto* model = std::get_if<ModelDefinition>(&change)) models_[model->id] = *model;
  if (const auto* place = std::get_if<TerritoryDefinition>(&change))
    territories_[place->id] = *place;
  if (const auto* rule = std::get_if<RuleDefinition>(&change)) definitions_[rule->id] = *rule;
  if (const auto* association = std::get_if<AssociationDefinition>(&change)) {
    associations_[association->id] = *association;
  }
  const auto* removal = std::get_if<Removal>(&change);
  if (removal == nullptr) return;
  if (removal->kind == DefinitionKind::kModel) models_.erase(removal->id);
  if (removal->kind == DefinitionKind::kTerritory) territories_.erase(removal->id);
  if (removal->kind == DefinitionKind::kRule) definitions_.erase(removal->id);
  if (removal->kind == DefinitionKind::kAssociation) associations_.erase(removal->id);
}

std::string TerritoryOracle::parent_of(const std::string& territory) const {
  const auto it = territories_.find(territories_.at(territory).parent);
  return it == territories_.end() || it->second.model != active_ ? "" : it->first;
}

bool TerritoryOracle::is_live(const std::string& territory) const {
  const auto it = territories_.find(territory);
  if (it == territories_.end() || active_.empty() || it->second.model != active_) return false;
  std::string at = territory;
  for (int steps = 0; steps < 64; ++steps) {
    at = parent_of(at);
    if (at.empty()) return true;
  }
  return false;
}

bool TerritoryOracle::is_ancestor(const std::string& upper, const std::string& lower) const {
  for (std::string at = parent_of(lower); !at.empty(); at = parent_of(at)) {
    if (at == upper) return true;
  }
  return false;
}

std::set<std::string> TerritoryOracle::rules_of(const std::string& territory) const {
  std::set<std::string> rules;
  const auto add = [&](const AssociationDefinition* association) {
    const auto definition = definitions_.find(association->rule);
    const bool counts = definition == definitions_.end() || definition->second.active;
    if (counts) rules.insert(association->rule);
  };
  if (const auto own = own_.find(territory); own != own_.end())
    std::ranges::for_each(own->second, add);
  for (const AssociationDefinition* association : inherited_) {
    if (is_ancestor(association->territory, territory)) add(association);
  }
  return rules;
}

void TerritoryOracle::prepare() {
  if (is_prepared_) return;
  is_prepared_ = true;
  active_.clear();
  std::optional<int64_t> latest;
  for (const auto& [id, model] : models_) {
    if (!model.active || (latest && *latest > model.activated_ms)) continue;
    latest = model.activated_ms;
    active_ = id;
  }
  own_.clear();
  inherited_.clear();
  for (const auto& [id, association] : associations_) {
    own_[association.territory].push_back(&association);
    if (association.inherited) inherited_.push_back(&association);
  }
  rules_.clear();
  for (const auto& [id, definition] : definitions_) {
    auto rule = std::make_unique<Rule>();
    std::string all;
    for (const ItemDefinition& item : definition.items) {
      const bool is_text = item.field.ends_with("PostalCode");
      Item& made = rule->items.emplace_back(
          Item{item.field, item.op, numbers_.contains(item.field), is_text, {}});
      for (const std::string& entry : split(item.values, ',')) made.values.emplace_back(entry);
      all += (all.empty() ? "" : " AND ") + std::to_string(rule->items.size());
    }
    const bool is_blank = trim(definition.filter).empty();
    FilterText filter(rule->items, is_blank ? all : definition.filter);
    Asked test = filter.chain();
    const bool is_valid =
        filter.next == filter.tokens.size() && std::ranges::all_of(rule->items, &Item::is_valid);
    if (is_valid) rule->test = std::move(test);
    rules_[id] = std::move(rule);
  }
  places_.clear();
  for (const auto& [id, definition] : territories_) {
    if (!is_live(id)) continue;
    Place& place = places_.emplace_back(Place{id, {}});
    for (const std::string& rule : rules_of(id)) {
      auto& known = rules_[rule];
      if (known == nullptr) known = std::make_unique<Rule>();
      place.rules.push_back(known.get());
    }
  }
}

std::vector<std::string> TerritoryOracle::match(const OracleAccount& account,
                                                const std::vector<std::string>& excluded) {
  prepare();
  Values values;
  for (const auto& [field, raw] : account) {
    if (!raw.empty()) values.emplace(field, Value(raw));
  }
  for (const auto& [id, rule] : rules_) rule->answer = rule->test && rule->test(values);
  std::vector<std::string> matching;
  for (const Place& place : places_) {
    if (place.rules.empty() || std::ranges::count(excluded, place.id) > 0) continue;
    const bool all =
        std::ranges::all_of(place.rules, [](const Rule* rule) { return rule->answer; });
    if (all) matching.push_back(place.id);
  }
  std::vector<std::string> lowest;
  for (const std::string& id : matching) {
    const bool is_above = std::ranges::any_of(
        matching, [&](const std::string& other) { return is_ancestor(id, other); });
    if (!is_above) lowest.push_back(id);
  }
  return lowest;
}

std::vector<Assignment> TerritoryOracle::assign(const OracleAccount& account,
                                                const PersonalChoices& choices) {
  std::map<std::string, Assignment> assigned;
  for (const std::string& id : match(account, choices.excluded)) {
    const std::set<std::string> rules = rules_of(id);
    assigned[id] = {id, {rules.begin(), rules.end()}, false};
  }
  for (const std::string& id : choices.manual) {
    if (!is_live(id) || std::ranges::count(choices.excluded, id) > 0) continue;
    assigned[id].territory = id;
    assigned[id].manual = true;
  }
  std::vector<Assignment> list;
  for (auto& [id, assignment] : assigned) list.push_back(std::move(assignment));
  return list;
}

}  // namespace millrace::crm::territory
