#include "crm/territory/rules/rule_table.h"

#include <algorithm>
#include <utility>

#include "crm/territory/rules/boolean_filter.h"

namespace millrace::crm::territory {
namespace {

constexpr size_t kFieldNameMax = 255;

Error of_item(size_t item, const Error& error) {
  return {error.code, "item " + std::to_string(item + 1) + ": " + error.message};
}

}  // namespace

Result<std::vector<Predicate>> RuleTable::read_items(const RuleDefinition& definition) const {
  std::vector<Predicate> predicates;
  for (size_t i = 0; i < definition.items.size(); ++i) {
    const ItemDefinition& item = definition.items[i];
    if (item.field.empty() || item.field.size() > kFieldNameMax) {
      return of_item(i, {ErrorCode::kInvalidRecord, "a field name must have 1 to 255 bytes"});
    }
    auto predicate = read_predicate(item.op, item.values, types_.of(item.field));
    if (!predicate.ok()) return of_item(i, predicate.error());
    predicates.push_back(std::move(*predicate));
  }
  return predicates;
}

Status RuleTable::define(RuleIndex rule, const RuleDefinition& definition) {
  undefine(rule);
  RuleNode& node = rules_[rule];
  node.state = definition.active ? RuleState::kInvalid : RuleState::kInactive;
  const auto terms = parse_filter(definition.filter, definition.items.size());
  if (!terms.ok()) return terms.status();
  const auto predicates = read_items(definition);
  if (!predicates.ok()) return predicates.status();
  if (!definition.active) return {};
  node.state = RuleState::kActive;
  for (const FilterTerm term : *terms) {
    std::vector<PredicateIndex>& indexes = node.terms.emplace_back();
    for (size_t item = 0; item < predicates->size(); ++item) {
      if ((term >> item & 1U) == 0) continue;
      const PredicateIndex index =
          acquire_predicate((*predicates)[item], definition.items[item].field);
      indexes.push_back(index);
      node.fields |= field_bit(predicates_[index].predicate.field);
    }
  }
  return {};
}

void RuleTable::undefine(RuleIndex rule) {
  unpost(rule);
  RuleNode& node = rules_[rule];
  drop_terms(node);
  node.state = RuleState::kMissing;
  node.share = 0;
}

/// A predicate holds one reference to its field, and each term one to its predicates.
PredicateIndex RuleTable::acquire_predicate(Predicate predicate, const std::string& field) {
  predicate.field = fields_.acquire(field);
  fields_[predicate.field].type = types_.of(field);
  const PredicateIndex index = predicates_.acquire(predicate.identity());
  ++fields_[predicate.field].mentions;
  if (predicate.is_range_of_numbers()) ++fields_[predicate.field].number_ranges;
  PredicateNode& node = predicates_[index];
  if (node.is_made) {
    fields_.release(predicate.field);
  } else {
    node = PredicateNode{std::move(predicate), true};
  }
  return index;
}

void RuleTable::drop_terms(RuleNode& node) {
  for (const auto& term : node.terms) {
    for (const PredicateIndex index : term) {
      const FieldIndex field = predicates_[index].predicate.field;
      --fields_[field].mentions;
      if (predicates_[index].predicate.is_range_of_numbers()) --fields_[field].number_ranges;
      if (predicates_.release(index)) fields_.release(field);
    }
  }
  node.terms.clear();
  node.fields = 0;
}

double RuleTable::share_of(PredicateIndex predicate) const {
  // Few mentions say little: they are diluted by some that are not there.
  constexpr double kDilution = 8;
  const FieldNode& field = fields_[predicates_[predicate].predicate.field];
  return predicates_.references(predicate) / (static_cast<double>(field.mentions) + kDilution);
}

Access RuleTable::access_of(const RuleNode& node) const {
  Access all{.share = 0};
  std::vector<SharedPredicate> shared;
  for (const auto& term : node.terms) {
    shared.clear();
    for (const PredicateIndex index : term) {
      shared.push_back({&predicates_[index].predicate, share_of(index)});
    }
    Access access = choose_access(shared);
    all.share += access.share;
    for (AccessKey& key : access.keys) {
      if (std::ranges::find(all.keys, key) == all.keys.end()) all.keys.push_back(std::move(key));
    }
  }
  return all;
}

void RuleTable::estimate(RuleIndex rule) {
  RuleNode& node = rules_[rule];
  for (auto& term : node.terms) {
    std::ranges::sort(term, std::less<>(),
                      [this](PredicateIndex index) { return share_of(index); });
  }
  node.share = access_of(node).share;
}

void RuleTable::post(RuleIndex rule) {
  RuleNode& node = rules_[rule];
  if (node.is_posted) return;
  node.is_posted = true;
  node.posted = access_of(node).keys;
  const bool is_always = std::ranges::any_of(
      node.posted, [](const AccessKey& key) { return key.kind == AccessKind::kAny; });
  if (is_always) {
    node.posted.assign(1, AccessKey{.kind = AccessKind::kAny});
    always_.push_back(rule);
    return;
  }
  for (const AccessKey& key : node.posted) fields_[key.field].access.add(key, rule);
}

std::vector<AccessKey> RuleTable::access_keys(RuleIndex rule) const {
  const RuleNode& node = rules_[rule];
  return node.is_posted ? node.posted : access_of(node).keys;
}

void RuleTable::unpost(RuleIndex rule) {
  RuleNode& node = rules_[rule];
  if (!node.is_posted) return;
  node.is_posted = false;
  for (const AccessKey& key : node.posted) {
    if (key.kind == AccessKind::kAny) {
      std::erase(always_, rule);
    } else {
      fields_[key.field].access.remove(key, rule);
    }
  }
  node.posted.clear();
}

}  // namespace millrace::crm::territory
