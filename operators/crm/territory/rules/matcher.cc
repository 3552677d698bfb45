#include "crm/territory/rules/matcher.h"

#include <algorithm>

namespace millrace::crm::territory {
namespace {

constexpr FieldSet kAnyField = ~FieldSet{0};
constexpr uint32_t kRoundMax = UINT32_MAX >> 1;

}  // namespace

std::span<const TerritoryIndex> Matcher::match(std::span<const AccountField> fields,
                                               std::span<const std::string> excluded) {
  start(fields, excluded);
  collect(kAnyField);
  return lowest();
}

/// Of territories that match now, one that did not before has a rule with a changed field, and one
/// that did was in `before` or above a territory in it that matches no more.
std::span<const TerritoryIndex> Matcher::match_changed(std::span<const AccountField> fields,
                                                       std::span<const std::string_view> changed,
                                                       std::span<const TerritoryIndex> before,
                                                       std::span<const std::string> excluded) {
  start(fields, excluded);
  const FieldSet changed_set = rules_.field_set(changed);
  if (changed_set != 0) collect(changed_set);
  for (const TerritoryIndex territory : before) {
    if ((fields_of(territory) & changed_set) == 0) {
      matching_.push_back(territory);
    } else if (!territory_matches(territory)) {
      try_above(territory);
    }
  }
  return lowest();
}

void Matcher::start(std::span<const AccountField> fields, std::span<const std::string> excluded) {
  const RuleTable& table = rules_.rules();
  const uint32_t territories = rules_.territories().nodes().slots();
  if (round_ == kRoundMax) {
    for (Memo* memo : {&present_, &predicates_, &rule_answers_, &tried_, &inherited_, &excluded_,
                       &listed_, &above_}) {
      memo->clear();
    }
    round_ = 0;
  }
  ++round_;
  present_.start(table.fields().slots(), round_);
  predicates_.start(table.predicates().slots(), round_);
  for (Memo* memo : {&rule_answers_, &tried_}) memo->start(table.rules().slots(), round_);
  for (Memo* memo : {&inherited_, &excluded_, &listed_, &above_}) memo->start(territories, round_);
  if (values_.size() < table.fields().slots()) values_.resize(table.fields().slots());
  matching_.clear();
  rules_tried_ = 0;
  incomparable_ = 0;
  for (const AccountField& field : fields) {
    if (!field.value || field.value->empty()) continue;
    const auto index = table.fields().find(field.name);
    if (!index) continue;
    const FieldNode& node = table.fields()[*index];
    read_value(*field.value, type_of(field, node.type), values_[*index]);
    if (node.number_ranges > 0 && !values_[*index].is_number) ++incomparable_;
    present_.set(*index, true);
  }
  for (const std::string& id : excluded) {
    if (const auto index = rules_.territories().nodes().find(id)) excluded_.set(*index, true);
  }
}

void Matcher::collect(FieldSet changed) {
  const RuleTable& table = rules_.rules();
  for (const RuleIndex rule : table.always()) try_rule(rule, changed);
  for (FieldIndex field = 0; field < table.fields().slots(); ++field) {
    if (!table.fields().is_used(field)) continue;
    table.fields()[field].access.visit(value_of(field),
                                       [&](RuleIndex rule) { try_rule(rule, changed); });
  }
}

void Matcher::try_rule(RuleIndex rule, FieldSet changed) {
  if (tried_.is_true(rule)) return;
  tried_.set(rule, true);
  for (const TerritoryIndex territory : rules_.rules()[rule].keyed) {
    if (changed != kAnyField && (fields_of(territory) & changed) == 0) continue;
    if (!rule_matches(rule)) return;
    if (territory_matches(territory)) matching_.push_back(territory);
  }
}

/// Territories above that matched all along, hidden by `territory`.
void Matcher::try_above(TerritoryIndex territory) {
  const TerritoryTree& tree = rules_.territories();
  for (TerritoryIndex up = tree[territory].up; up != kNone; up = tree[up].up) {
    if (territory_matches(up)) return matching_.push_back(up);
  }
}

std::span<const TerritoryIndex> Matcher::lowest() {
  const TerritoryTree& tree = rules_.territories();
  for (const TerritoryIndex territory : matching_) {
    for (TerritoryIndex up = tree[territory].up; up != kNone; up = tree[up].up) {
      if (above_.is_true(up)) break;
      above_.set(up, true);
    }
  }
  std::erase_if(matching_, [this](TerritoryIndex territory) {
    if (above_.is_true(territory) || listed_.is_true(territory)) return true;
    listed_.set(territory, true);
    return false;
  });
  std::ranges::sort(matching_, std::less<>(), [&tree](TerritoryIndex territory) {
    return std::string_view(tree.id(territory));
  });
  return matching_;
}

FieldSet Matcher::fields_of(TerritoryIndex territory) const {
  const TerritoryTree& tree = rules_.territories();
  FieldSet fields = tree[territory].fields;
  for (TerritoryIndex up = tree[territory].up; up != kNone; up = tree[up].up) {
    fields |= tree[up].inherited_fields;
  }
  return fields;
}

bool Matcher::predicate_matches(PredicateIndex predicate) {
  return predicates_.ask(predicate, [&] {
    const Predicate& asked = rules_.rules().predicates()[predicate].predicate;
    return asked.matches(value_of(asked.field));
  });
}

bool Matcher::rule_matches(RuleIndex rule) {
  return rule_answers_.ask(rule, [&] {
    ++rules_tried_;
    return std::ranges::any_of(rules_.rules()[rule].terms, [this](const auto& term) {
      return std::ranges::all_of(
          term, [this](PredicateIndex predicate) { return predicate_matches(predicate); });
    });
  });
}

bool Matcher::uses_match(TerritoryIndex territory, bool only_inherited) {
  return std::ranges::all_of(rules_.territories()[territory].uses, [&](const RuleUse& use) {
    if (only_inherited && !use.inherited) return true;
    return !rules_.rules()[use.rule].counts() || rule_matches(use.rule);
  });
}

bool Matcher::inherited_match(TerritoryIndex territory) {
  if (territory == kNone) return true;
  return inherited_.ask(territory, [&] {
    return uses_match(territory, true) && inherited_match(rules_.territories()[territory].up);
  });
}

bool Matcher::territory_matches(TerritoryIndex territory) {
  const TerritoryNode& node = rules_.territories()[territory];
  return node.key != kNone && !excluded_.is_true(territory) && uses_match(territory, false) &&
         inherited_match(node.up);
}

}  // namespace millrace::crm::territory
