#include "crm/territory/rules/assignment.h"

#include <algorithm>
#include <utility>

namespace millrace::crm::territory {

std::vector<Assignment> assignments(const RuleSet& rules, std::span<const TerritoryIndex> by_rules,
                                    const PersonalChoices& choices) {
  std::vector<Assignment> assigned;
  for (const TerritoryIndex territory : by_rules) {
    const std::string& id = rules.territories().id(territory);
    assigned.push_back(
        {id, rules.rule_ids(territory), std::ranges::binary_search(choices.manual, id)});
  }
  const size_t ruled = assigned.size();
  const auto ruled_end = assigned.begin() + static_cast<std::ptrdiff_t>(ruled);
  std::vector<Assignment> personal;
  for (const std::string& id : choices.manual) {
    const bool is_there = std::binary_search(
        assigned.begin(), ruled_end, Assignment{id},
        [](const Assignment& a, const Assignment& b) { return a.territory < b.territory; });
    if (is_there || std::ranges::binary_search(choices.excluded, id) || !rules.is_live(id))
      continue;
    personal.push_back({.territory = id, .manual = true});
  }
  assigned.insert(assigned.end(), std::make_move_iterator(personal.begin()),
                  std::make_move_iterator(personal.end()));
  std::ranges::inplace_merge(assigned, assigned.begin() + static_cast<std::ptrdiff_t>(ruled),
                             std::less<>(), &Assignment::territory);
  return assigned;
}

}  // namespace millrace::crm::territory
