#include "crm/territory/rules/rule_set.h"

#include <algorithm>
#include <set>
#include <utility>

namespace millrace::crm::territory {

/// Holds a reference to everything it lists, so that nothing goes before `finish` is through.
struct RuleSet::Work {
  std::set<RuleIndex> changed_rules;  ///< what they say, or whether they count, may be new
  std::set<RuleIndex> touched_rules;  ///< the number of territories they are keys of may be new
  std::set<TerritoryIndex> territories;
  RuleSetOutcome outcome;
};

RuleSetOutcome RuleSet::apply(std::span<const RuleSetChange> changes) {
  Work work;
  for (const RuleSetChange& change : changes) {
    std::visit([&](const auto& definition) { take(definition, work); }, change);
  }
  finish(work);
  AffectedAccounts& affected = work.outcome.affected;
  if (affected.keys.size() > kAffectedKeysMax) affected.all = true;
  if (affected.all) affected.keys.clear();
  return std::move(work.outcome);
}

/// Accounts that the index leads to the rule, as it has it now.
void RuleSet::note_rule(RuleIndex rule, Work& work) const {
  AffectedAccounts& affected = work.outcome.affected;
  const RuleNode& node = rules_[rule];
  if (affected.all || affected.keys.size() > kAffectedKeysMax) return;
  if (node.state != RuleState::kActive || node.used_by.empty()) return;
  for (AccessKey& key : rules_.access_keys(rule)) {
    if (key.kind == AccessKind::kAny) {
      affected.all = true;
      return;
    }
    affected.keys.push_back({rules_.fields().name(key.field), std::move(key)});
  }
}

/// Accounts that a rule concerns by territories that inherit it, as the rule is now. Whoever is in
/// one of them meets the rule and the territory's key: the first is one look-up, if the index can
/// do it. A territory that has the rule itself is marked, so its key is noted anyway.
void RuleSet::note_heirs(RuleIndex rule, Work& work) const {
  const auto is_inherited = [&](TerritoryIndex user) {
    return std::ranges::find(territories_[user].uses, RuleUse{rule, true}) !=
           territories_[user].uses.end();
  };
  const auto& users = rules_[rule].used_by;
  if (std::ranges::none_of(users, is_inherited)) return;
  if (std::ranges::all_of(rules_.access_keys(rule), &is_ordered)) return note_rule(rule, work);
  for (const TerritoryIndex user : users) {
    if (!is_inherited(user)) continue;
    for (const TerritoryIndex heir : territories_.subtree(user)) note_key(heir, work);
  }
}

/// Accounts that may be in the territory, by its rules as they are now.
void RuleSet::note_key(TerritoryIndex territory, Work& work) const {
  const TerritoryNode& node = territories_[territory];
  if (node.is_live && node.key != kNone) note_rule(node.key, work);
}

/// To be called before anything about the territory changes: who matches it now is affected.
void RuleSet::mark(TerritoryIndex territory, bool with_subtree, Work& work) {
  const auto mark_one = [&](TerritoryIndex index) {
    if (!work.territories.insert(index).second) return;
    territories_.acquire(territories_.id(index));
    note_key(index, work);
  };
  if (!with_subtree) return mark_one(territory);
  for (const TerritoryIndex index : territories_.subtree(territory)) mark_one(index);
}

void RuleSet::mark_rule(RuleIndex rule, Work& work) {
  if (work.changed_rules.insert(rule).second) rules_.acquire(rules_.rules().name(rule));
}

void RuleSet::touch(RuleIndex rule, Work& work) {
  if (work.touched_rules.insert(rule).second) rules_.acquire(rules_.rules().name(rule));
}

void RuleSet::mark_users(RuleIndex rule, bool with_subtree, Work& work) {
  const std::vector<TerritoryIndex> users = rules_[rule].used_by;
  for (const TerritoryIndex user : users) mark(user, with_subtree, work);
}

void RuleSet::choose_model(Work& work) {
  const ModelDefinition* best = nullptr;
  for (const auto& [id, model] : models_) {
    if (!model.active) continue;
    if (best == nullptr || model.activated_ms >= best->activated_ms) best = &model;
  }
  const std::string active = best == nullptr ? std::string() : best->id;
  if (active == active_model_) return;
  active_model_ = active;
  work.outcome.affected.all = true;
  const auto& nodes = territories_.nodes();
  for (TerritoryIndex index = 0; index < nodes.slots(); ++index) {
    if (nodes.is_used(index)) mark(index, false, work);
  }
}

void RuleSet::take(const ModelDefinition& model, Work& work) {
  models_[model.id] = model;
  choose_model(work);
}

void RuleSet::take(const TerritoryDefinition& territory, Work& work) {
  const TerritoryIndex index = territories_.acquire(territory.id);
  mark(index, true, work);
  territories_.define(territory);
  territories_.release(index);
}

void RuleSet::remove_territory(const std::string& id, Work& work) {
  const auto index = territories_.nodes().find(id);
  if (!index || !territories_[*index].is_defined) return;
  mark(*index, true, work);
  territories_.undefine(*index);
}

void RuleSet::take(const RuleDefinition& rule, Work& work) {
  const RuleIndex index = rules_.acquire(rule.id);
  mark_rule(index, work);
  note_heirs(index, work);
  const bool counted = rules_[index].counts();
  mark_users(index, counted != rule.active, work);
  if (Status status = rules_.define(index, rule); !status.ok()) {
    work.outcome.problems.push_back({rule.id, status.message()});
  }
  if (!defined_rules_.insert(rule.id).second) rules_.release(index);
}

void RuleSet::remove_rule(const std::string& id, Work& work) {
  if (defined_rules_.erase(id) == 0) return;
  const RuleIndex index = *rules_.rules().find(id);
  mark_rule(index, work);
  note_heirs(index, work);
  mark_users(index, !rules_[index].counts(), work);
  rules_.undefine(index);
  rules_.release(index);
}

void RuleSet::take(const AssociationDefinition& association, Work& work) {
  remove_association(association.id, work);
  const Association added{territories_.acquire(association.territory),
                          {rules_.acquire(association.rule), association.inherited}};
  associations_[association.id] = added;
  mark(added.territory, added.use.inherited, work);
  territories_[added.territory].uses.push_back(added.use);
  rules_[added.use.rule].used_by.push_back(added.territory);
}

void RuleSet::remove_association(const std::string& id, Work& work) {
  const auto it = associations_.find(id);
  if (it == associations_.end()) return;
  const Association gone = it->second;
  associations_.erase(it);
  mark(gone.territory, gone.use.inherited, work);
  touch(gone.use.rule, work);
  auto& uses = territories_[gone.territory].uses;
  uses.erase(std::ranges::find(uses, gone.use));
  auto& users = rules_[gone.use.rule].used_by;
  users.erase(std::ranges::find(users, gone.territory));
  territories_.release(gone.territory);
  rules_.release(gone.use.rule);
}

void RuleSet::take(const Removal& removal, Work& work) {
  switch (removal.kind) {
    case DefinitionKind::kModel:
      models_.erase(removal.id);
      return choose_model(work);
    case DefinitionKind::kTerritory:
      return remove_territory(removal.id, work);
    case DefinitionKind::kRule:
      return remove_rule(removal.id, work);
    case DefinitionKind::kAssociation:
      return remove_association(removal.id, work);
  }
}

void RuleSet::finish(Work& work) {
  for (const RuleIndex rule : work.changed_rules) rules_.estimate(rule);
  for (const TerritoryIndex index : work.territories) {
    const bool was_live = territories_[index].is_live;
    territories_.refresh(index, active_model_, rules_);
    if (territories_[index].is_live != was_live) {
      work.outcome.affected.territories.push_back(territories_.id(index));
    }
  }
  for (const TerritoryIndex index : work.territories) choose_key(index, work);

  std::set<RuleIndex> rules = work.changed_rules;
  rules.insert(work.touched_rules.begin(), work.touched_rules.end());
  for (const RuleIndex rule : rules) {
    const bool is_key = !rules_[rule].keyed.empty() && rules_[rule].state == RuleState::kActive;
    if (!is_key) {
      rules_.unpost(rule);
    } else {
      rules_.post(rule);
    }
  }
  for (const RuleIndex rule : work.changed_rules) note_heirs(rule, work);
  for (const TerritoryIndex index : work.territories) note_key(index, work);
  let_go(work);
}

void RuleSet::choose_key(TerritoryIndex territory, Work& work) {
  RuleIndex best = kNone;
  if (territories_[territory].is_live) {
    each_rule(territory, [&](RuleIndex rule) {
      if (best == kNone || rules_[rule].share < rules_[best].share) best = rule;
      return true;
    });
  }
  set_key(territory, best, work);
}

void RuleSet::set_key(TerritoryIndex territory, RuleIndex key, Work& work) {
  TerritoryNode& node = territories_[territory];
  if (node.key == key) return;
  if (node.key != kNone) {
    touch(node.key, work);
    std::vector<TerritoryIndex>& keyed = rules_[node.key].keyed;
    keyed[node.key_place] = keyed.back();
    territories_[keyed[node.key_place]].key_place = node.key_place;
    keyed.pop_back();
  }
  node.key = key;
  if (key == kNone) return;
  touch(key, work);
  node.key_place = static_cast<uint32_t>(rules_[key].keyed.size());
  rules_[key].keyed.push_back(territory);
}

void RuleSet::let_go(Work& work) {
  for (const TerritoryIndex index : work.territories) territories_.release(index);
  for (const RuleIndex rule : work.changed_rules) rules_.release(rule);
  for (const RuleIndex rule : work.touched_rules) rules_.release(rule);
}

std::vector<std::string> RuleSet::rule_ids(TerritoryIndex territory) const {
  std::vector<std::string> ids;
  each_rule(territory, [&](RuleIndex rule) {
    ids.push_back(rules_.rules().name(rule));
    return true;
  });
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

bool RuleSet::is_live(std::string_view territory) const {
  const auto index = territories_.nodes().find(territory);
  return index && territories_[*index].is_live;
}

FieldSet RuleSet::field_set(std::span<const std::string_view> fields) const {
  FieldSet set = 0;
  for (const std::string_view field : fields) {
    if (const auto index = rules_.fields().find(field)) set |= field_bit(*index);
  }
  return set;
}

}  // namespace millrace::crm::territory
