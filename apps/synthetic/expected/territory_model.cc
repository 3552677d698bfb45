#include "synthetic/expected/territory_model.h"

#include <algorithm>
#include <ranges>

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

/// Each place has its own rules and, of those above, the inherited ones.
void TerritoryModel::place_rules(Prepared& now) const {
  std::map<std::string, size_t> rule_of;
  for (const auto& [id, rule] : rules_) {
    rule_of[id] = now.rules.size();
    now.rules.emplace_back(rule);
  }
  std::vector<std::vector<const crm::RuleTerritoryT*>> links(now.places.size());
  for (const auto& [id, link] : associations_) {
    if (rules_.at(link.rule).active) links[now.place_of.at(link.territory)].push_back(&link);
  }
  for (size_t i = 0; i < now.places.size(); ++i) {
    std::vector<size_t> path{i};
    while (const auto parent = now.places[path.back()].parent) path.push_back(*parent);
    std::set<std::string> ids;
    for (const size_t at : path | std::views::reverse) {
      for (const crm::RuleTerritoryT* link : links[at]) {
        if (at != i && !link->inherited) continue;
        if (ids.insert(link->rule).second) now.places[i].rules.push_back(rule_of.at(link->rule));
      }
    }
    now.places[i].rule_ids.assign(ids.begin(), ids.end());
  }
}

const TerritoryModel::Prepared& TerritoryModel::prepared() {
  if (prepared_) return *prepared_;
  Prepared& now = prepared_.emplace();
  for (const auto& [id, territory] : territories_) {
    now.place_of[id] = now.places.size();
    now.places.push_back({id, {}, {}, {}});
  }
  for (const auto& [id, territory] : territories_) {
    const auto parent = now.place_of.find(territory.parent);
    if (parent != now.place_of.end()) now.places[now.place_of.at(id)].parent = parent->second;
  }
  place_rules(now);
  for (const auto& [id, choice] : manual_) now.manual[choice.account].insert(choice.territory);
  for (const auto& [id, choice] : excluded_) now.excluded[choice.account].insert(choice.territory);
  return now;
}

std::map<std::string, TerritoryOutcome> TerritoryModel::territories_of(
    const FieldTexts& fields, const std::map<std::string, std::string>& members) {
  const Prepared& now = prepared();
  const std::set<std::string> excluded = chosen(now.excluded, members);
  Answers answers(now.rules, fields);
  std::vector<size_t> matching;
  for (size_t i = 0; i < now.places.size(); ++i) {
    const auto& place = now.places[i];
    const bool all =
        std::ranges::all_of(place.rules, [&](size_t rule) { return answers.matches(rule); });
    if (all && !place.rules.empty() && !excluded.contains(place.id)) matching.push_back(i);
  }
  std::map<std::string, TerritoryOutcome> outcomes;
  for (const size_t each : matching) {
    const bool has_lower =
        std::ranges::any_of(matching, [&](size_t other) { return now.is_above(each, other); });
    const auto& ids = now.places[each].rule_ids;
    if (!has_lower) outcomes[now.places[each].id].rules = ids;
  }
  for (const std::string& territory : chosen(now.manual, members)) {
    if (now.place_of.contains(territory) && !excluded.contains(territory)) {
      outcomes[territory].manual = true;
    }
  }
  return outcomes;
}

}  // namespace millrace::apps::synthetic
