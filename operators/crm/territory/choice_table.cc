#include "crm/territory/choice_table.h"

#include <algorithm>
#include <iterator>

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

std::string_view ChoiceTable::add(ChoiceKind kind, Bytes value) {
  const Said said = read(kind, value);
  by_account_[std::string(said.account)].push_back({kind, std::string(said.territory)});
  return said.account;
}

std::string_view ChoiceTable::remove(ChoiceKind kind, Bytes value) {
  const Said said = read(kind, value);
  const auto account = by_account_.find(said.account);
  if (account == by_account_.end()) return said.account;
  std::vector<Choice>& choices = account->second;
  const auto choice = std::ranges::find(choices, Choice{kind, std::string(said.territory)});
  if (choice != choices.end()) choices.erase(choice);
  if (choices.empty()) by_account_.erase(account);
  return said.account;
}

void ChoiceTable::load(ChoiceKind kind, const BroadcastRows& rows) {
  for (auto account = by_account_.begin(); account != by_account_.end();) {
    std::erase_if(account->second, [kind](const Choice& choice) { return choice.kind == kind; });
    account = account->second.empty() ? by_account_.erase(account) : std::next(account);
  }
  rows.for_each([this, kind](Bytes, Row row) { add(kind, row.value); });
}

void ChoiceTable::collect(std::string_view account, PersonalChoices& choices) const {
  const auto found = by_account_.find(account);
  if (found == by_account_.end()) return;
  for (const Choice& choice : found->second) {
    (choice.kind == ChoiceKind::kManual ? choices.manual : choices.excluded)
        .push_back(choice.territory);
  }
}

}  // namespace millrace::crm::territory
