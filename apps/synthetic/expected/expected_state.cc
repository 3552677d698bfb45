#include "apps/synthetic/expected/expected_state.h"

#include <set>

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
    const bool is_account = change->kind == Kind::kAccount;
    if (is_account && change->type == crm::ChangeType::Undelete) {
      merges_.name(internal_record_id(change->kind, change->number));
    }
    if (!members_.contains(change->kind, change->number)) return;
    rows_[static_cast<size_t>(change->kind)][change->number].add(*change);
  } else if (const auto* merge = std::get_if<MergeChange>(&event)) {
    merges_.add(*merge);
  } else {
    const auto& definition = std::get<DefinitionChange>(event);
    const auto* product = std::get_if<crm::ProductFeaturesT>(&definition.definition);
    if (product != nullptr) return grants_.add(*product, definition.is_removal);
    territories_.add(definition);
  }
}

void ExpectedState::add_members(Roots& roots) {
  std::map<std::string, const RecordRow*> members;
  for (const std::string& id : merges_.named()) members[id] = nullptr;
  for (const auto& [number, row] : rows_[kAccountRows]) {
    members[internal_record_id(Kind::kAccount, number)] = &row;
  }
  for (const auto& [id, row] : members) {
    const std::string root_id = merges_.root_of(id);
    if (!members_.share().contains(root_id)) continue;
    Root& root = roots[root_id];
    root.account.members[id] = merges_.survivor_of(id);
    if (row == nullptr) continue;
    if (row->is_incomplete() && !row->is_deleted()) root.account.incomplete = true;
    if (id != root_id) continue;
    if (row->is_deleted()) root.account.status = "Deleted";
    if (!row->is_live()) continue;
    root.account.status = "Active";
    root.row = row;
  }
}

ExpectedState::Roots ExpectedState::roots() {
  Roots roots;
  add_members(roots);
  for (size_t i = kAccountRows + 1; i < kKinds; ++i) {
    const Kind kind = static_cast<Kind>(i);
    for (const auto& [number, row] : rows_[i]) {
      const auto account = row.text("account_id");
      if (!row.is_live() || !account) continue;
      const std::string root = unmerged_children_ == UnmergedChildren::kReturn
                                   ? merges_.root_of(*account)
                                   : merges_.root_since(*account, row.since("account_id"));
      if (!members_.share().contains(root)) continue;
      roots[root].children.push_back({kind, number, &row});
    }
  }
  return roots;
}

void ExpectedState::write_root(const std::string& id, const Root& root, int64_t as_of_ms,
                               FinalState& state) {
  AccountOutcome account = root.account;
  if (root.row != nullptr) account.fields = root.row->fields();
  if (account.status.empty()) account.status = "Pending";
  for (const GrantRecord& child : root.children) {
    ++account.children[std::string(definition_of(child.kind).name)];
  }
  if (account.status != "Deleted") lines(state, Output::kAccounts)[id] = line_of(account);
  if (account.status == "Active") {
    for (const auto& [territory, outcome] :
         territories_.territories_of(account.fields, account.members)) {
      lines(state, Output::kTerritories)[under(id, territory)] = line_of(outcome);
    }
  }
  const auto zone = account.fields["time_zone"];
  for (auto& [feature, outcome] : grants_.entitlements_of(root.children, zone.value_or(""))) {
    outcome.look_at(as_of_ms);
    lines(state, Output::kEntitlements)[under(id, feature)] = line_of(outcome);
  }
}

FinalState ExpectedState::at(int64_t as_of_ms, const Progress& progress) {
  FinalState state;
  merges_.resolve();
  const Roots all = roots();
  size_t done = 0;
  for (const auto& [id, root] : all) {
    if (progress) progress(done++, all.size());
    write_root(id, root, as_of_ms, state);
  }
  for (const std::string& id : merges_.named()) {
    if (!members_.share().contains(id)) continue;
    lines(state, Output::kRedirects)[id] = line_of(
        RedirectOutcome{merges_.root_of(id), merges_.survivor_of(id), merges_.decision_of(id)});
  }
  return state;
}

}  // namespace millrace::apps::synthetic
