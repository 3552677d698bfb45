#include "synthetic/expected/expected_state.h"

#include <set>
#include <utility>
#include <vector>

namespace millrace::apps::synthetic {
namespace {

constexpr size_t kAccountRows = static_cast<size_t>(Kind::kAccount);

std::string under(const std::string& root, const std::string& name) {
  return std::string(root).append(1, '\0').append(name);
}

Lines& lines(FinalState& state, Output output) {
  return state[static_cast<size_t>(output)];
}

}  // namespace

void ExpectedState::add(const Event& event) {
  if (const auto* change = std::get_if<RecordChange>(&event)) {
    const std::string id = internal_record_id(change->kind, change->number);
    rows_[static_cast<size_t>(change->kind)][id].add(*change);
    const bool is_account = change->kind == Kind::kAccount;
    if (is_account && change->type == crm::ChangeType::Undelete) merges_.name(id);
  } else if (const auto* merge = std::get_if<MergeChange>(&event)) {
    merges_.add(*merge);
  } else {
    const auto& definition = std::get<DefinitionChange>(event);
    const auto* product = std::get_if<crm::ProductFeaturesT>(&definition.definition);
    if (product != nullptr) return grants_.add(*product, definition.is_removal);
    territories_.add(definition);
  }
}

std::map<std::string, ExpectedState::Root> ExpectedState::roots() {
  std::set<std::string> ids = merges_.named();
  for (const auto& [id, row] : rows_[kAccountRows]) ids.insert(id);
  std::map<std::string, Root> roots;
  for (const std::string& id : ids) {
    Root& root = roots[merges_.root_of(id)];
    root.account.members[id] = merges_.survivor_of(id);
    const auto row = rows_[kAccountRows].find(id);
    if (row == rows_[kAccountRows].end()) continue;
    if (row->second.is_incomplete() && !row->second.is_deleted()) root.account.incomplete = true;
    if (id != merges_.root_of(id)) continue;
    if (row->second.is_deleted()) root.account.status = "Deleted";
    if (!row->second.is_live()) continue;
    root.account.status = "Active";
    root.fields = row->second.fields();
  }
  for (size_t kind = kAccountRows + 1; kind < kKinds; ++kind) {
    for (const auto& [id, row] : rows_[kind]) {
      const auto account = row.text("account_id");
      if (!row.is_live() || !account) continue;
      roots[merges_.root_of(*account)].children[kind].emplace(id, &row);
    }
  }
  return roots;
}

void ExpectedState::write_root(const std::string& id, const Root& root, int64_t as_of_ms,
                               FinalState& state) {
  AccountOutcome account = root.account;
  account.fields = root.fields;
  if (account.status.empty()) account.status = "Pending";
  std::vector<GrantRecord> records;
  for (size_t i = kAccountRows + 1; i < kKinds; ++i) {
    const Kind kind = static_cast<Kind>(i);
    if (!root.children[i].empty()) {
      account.children[std::string(definition_of(kind).name)] = root.children[i].size();
    }
    if (kind == Kind::kContact || kind == Kind::kOpportunity) continue;
    for (const auto& [child, row] : root.children[i]) records.push_back({kind, child, row});
  }
  if (account.status != "Deleted") lines(state, Output::kAccounts)[id] = line_of(account);
  if (account.status == "Active") {
    for (const auto& [territory, outcome] :
         territories_.territories_of(root.fields, account.members)) {
      lines(state, Output::kTerritories)[under(id, territory)] = line_of(outcome);
    }
  }
  const auto zone = root.fields.find("time_zone");
  const bool has_zone = zone != root.fields.end() && zone->second;
  for (auto& [feature, outcome] : grants_.entitlements_of(records, has_zone ? *zone->second : "")) {
    outcome.look_at(as_of_ms);
    lines(state, Output::kEntitlements)[under(id, feature)] = line_of(outcome);
  }
}

FinalState ExpectedState::at(int64_t as_of_ms) {
  FinalState state;
  merges_.resolve();
  for (const auto& [id, root] : roots()) write_root(id, root, as_of_ms, state);
  for (const std::string& id : merges_.named()) {
    lines(state, Output::kRedirects)[id] = line_of(
        RedirectOutcome{merges_.root_of(id), merges_.survivor_of(id), merges_.decision_of(id)});
  }
  return state;
}

}  // namespace millrace::apps::synthetic
