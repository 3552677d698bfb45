#include "crm/territory/choice_table.h"

#include <iterator>
#include <utility>

#include "manual_territory_generated.h"
#include "territory_exclusion_generated.h"

namespace millrace::crm::territory {
namespace {

struct Said {
  std::string_view account;
  std::string_view territory;
};

template <class Table>
Said read_as(Bytes value) {
  const auto& table = *flatbuffers::GetRoot<Table>(value.data());
  return {table.account()->string_view(), table.territory()->string_view()};
}

Said read(ChoiceKind kind, Bytes value) {
  return kind == ChoiceKind::kManual ? read_as<ManualTerritory>(value)
                                     : read_as<TerritoryExclusion>(value);
}

}  // namespace

std::set<std::string> ChoiceTable::put(ChoiceKind kind, std::string_view id, Bytes value) {
  std::set<std::string> accounts;
  TextMap<Choice>& choices = of(kind);
  if (const auto before = choices.find(id); before != choices.end()) {
    const auto account = by_account_.find(before->second.account);
    std::erase(account->second, Place{kind, before->first});
    if (account->second.empty()) by_account_.erase(account);
    accounts.insert(std::move(before->second.account));
    choices.erase(before);
  }
  if (value.is_null()) return accounts;
  const Said said = read(kind, value);
  choices.emplace(id, Choice{std::string(said.account), std::string(said.territory)});
  by_account_[std::string(said.account)].push_back({kind, std::string(id)});
  accounts.emplace(said.account);
  return accounts;
}

void ChoiceTable::load(ChoiceKind kind, const BroadcastRows& rows) {
  of(kind).clear();
  for (auto account = by_account_.begin(); account != by_account_.end();) {
    std::erase_if(account->second, [kind](const Place& place) { return place.kind == kind; });
    account = account->second.empty() ? by_account_.erase(account) : std::next(account);
  }
  rows.for_each([this, kind](Bytes id, Row row) { put(kind, id.view(), row.value); });
}

void ChoiceTable::collect(std::string_view account, PersonalChoices& choices) const {
  const auto found = by_account_.find(account);
  if (found == by_account_.end()) return;
  for (const auto& [kind, id] : found->second) {
    (kind == ChoiceKind::kManual ? choices.manual : choices.excluded)
        .push_back(of(kind).find(id)->second.territory);
  }
}

}  // namespace millrace::crm::territory
