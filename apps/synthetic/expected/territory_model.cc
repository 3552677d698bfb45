#include "apps/synthetic/expected/territory_model.h"

#include <algorithm>

namespace millrace::apps::synthetic {
namespace {

template <class Latest, class Object>
void keep(Latest& latest, const Object& object, bool is_removal) {
  if (is_removal) {
    latest.erase(object.id);
  } else {
    latest[object.id] = object;
  }
}

std::set<std::string> chosen(const std::map<std::string, std::set<std::string>>& by_account,
                             const std::map<std::string, std::string>& members) {
  std::set<std::string> territories;
  for (const auto& [id, via] : members) {
    const auto found = by_account.find(id);
    if (found != by_account.end()) territories.insert(found->second.begin(), found->second.end());
  }
  return territories;
}

}  // namespace

template <class Object>
void TerritoryModel::take(Choices& latest, const Object& object, bool is_removal) {
  if (is_removal) {
    latest.erase(object.id);
  } else {
    latest[object.id] = {object.account, object.territory};
  }
}

void TerritoryModel::add(const DefinitionChange& change) {
  prepared_.reset();
  const bool gone = change.is_removal;
  if (const auto* territory = std::get_if<crm::TerritoryT>(&change.definition)) {
    keep(territories_, *territory, gone);
  } else if (const auto* rule = std::get_if<crm::TerritoryRuleT>(&change.definition)) {
    keep(rules_, *rule, gone);
  } else if (const auto* link = std::get_if<crm::RuleTerritoryT>(&change.definition)) {
    keep(associations_, *link, gone);
  } else if (const auto* manual = std::get_if<crm::ManualTerritoryT>(&change.definition)) {
    take(manual_, *manual, gone);
  } else if (const auto* no = std::get_if<crm::TerritoryExclusionT>(&change.definition)) {
    take(excluded_, *no, gone);
  }
}

class TerritoryModel::Answers {
 public:
  Answers(const std::vector<TerritoryRule>& rules, const FieldTexts& fields)
      : rules_(rules), fields_(lower_case(fields)), known_(rules.size()) {}

  bool matches(size_t rule) {
    std::optional<bool>& answer = known_[rule];
    if (!answer) answer = rules_[rule].matches(fields_);
    return *answer;
  }

 private:
  const std::vector<TerritoryRule>& rules_;
  FieldTexts fields_;
  std::vector<std::optional<bool>> known_;
};

bool TerritoryModel::Prepared::is_above(size_t upper, size_t lower) const {
  for (auto at = places[lower].parent; at; at = places[*at].parent) {
    if (*at == upper) return true;
  }
  return false;
}

std::vector<std::string> TerritoryModel::Prepared::rule_ids_of(size_t place) const {
  std::set<std::string> ids;
  for (const size_t rule : places[place].local) ids.insert(rule_ids[rule]);
  for (std::optional<size_t> at = place; at; at = places[*at].parent) {
    for (const size_t rule : places[*at].inherited) ids.insert(rule_ids[rule]);
  }
  return {ids.begin(), ids.end()};
}

void TerritoryModel::place_rules(Prepared& now) const {
  std::map<std::string, size_t> rule_of;
  for (const auto& [id, rule] : rules_) {
    rule_of[id] = now.rules.size();
    now.rules.emplace_back(rule);
    now.rule_ids.push_back(id);
  }
  for (const auto& [id, link] : associations_) {
    if (!rules_.at(link.rule).active) continue;
    auto& place = now.places[now.place_of.at(link.territory)];
    (link.inherited ? place.inherited : place.local).push_back(rule_of.at(link.rule));
  }
}

const TerritoryModel::Prepared& TerritoryModel::prepared() {
  if (prepared_) return *prepared_;
  Prepared& now = prepared_.emplace();
  for (const auto& [id, territory] : territories_) {
    now.place_of[id] = now.places.size();
    now.places.push_back({id, {}, {}, {}, {}});
  }
  for (const auto& [id, territory] : territories_) {
    const auto parent = now.place_of.find(territory.parent);
    const size_t place = now.place_of.at(id);
    if (parent == now.place_of.end()) {
      now.tops.push_back(place);
      continue;
    }
    now.places[place].parent = parent->second;
    now.places[parent->second].below.push_back(place);
  }
  place_rules(now);
  for (const auto& [id, choice] : manual_) now.manual[choice.account].insert(choice.territory);
  for (const auto& [id, choice] : excluded_) now.excluded[choice.account].insert(choice.territory);
  return now;
}

std::vector<size_t> TerritoryModel::matching(const Prepared& now, const FieldTexts& fields) {
  Answers answers(now.rules, fields);
  const auto matches = [&](size_t rule) { return answers.matches(rule); };
  std::vector<size_t> waiting = now.tops;
  std::vector<size_t> found;
  while (!waiting.empty()) {
    const size_t at = waiting.back();
    waiting.pop_back();
    const Prepared::Place& place = now.places[at];
    if (!std::ranges::all_of(place.inherited, matches)) continue;
    if (std::ranges::all_of(place.local, matches)) found.push_back(at);
    waiting.insert(waiting.end(), place.below.begin(), place.below.end());
  }
  return found;
}

std::map<std::string, TerritoryOutcome> TerritoryModel::territories_of(
    const FieldTexts& fields, const std::map<std::string, std::string>& members) {
  const Prepared& now = prepared();
  const std::set<std::string> excluded = chosen(now.excluded, members);
  std::vector<size_t> candidates = matching(now, fields);
  std::erase_if(candidates, [&](size_t each) {
    return excluded.contains(now.places[each].id) || now.rule_ids_of(each).empty();
  });
  std::map<std::string, TerritoryOutcome> outcomes;
  for (const size_t each : candidates) {
    const bool has_lower =
        std::ranges::any_of(candidates, [&](size_t other) { return now.is_above(each, other); });
    if (!has_lower) outcomes[now.places[each].id].rules = now.rule_ids_of(each);
  }
  for (const std::string& territory : chosen(now.manual, members)) {
    if (now.place_of.contains(territory) && !excluded.contains(territory)) {
      outcomes[territory].manual = true;
    }
  }
  return outcomes;
}

}  // namespace millrace::apps::synthetic
