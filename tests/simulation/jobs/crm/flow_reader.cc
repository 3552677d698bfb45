#include "flow_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "crm/account_topology.h"
#include "crm/accounts/child_counts.h"
#include "crm/children/child_projection.h"
#include "crm/children/child_topology.h"
#include "crm/model/composite_key.h"

namespace millrace::simulation::crm_job {
namespace {

using namespace crm;  // NOLINT(google-build-using-namespace): its vocabulary is the job's

std::string text_in(const flatbuffers::String* text) {
  return text == nullptr ? std::string() : text->str();
}

OwnedRedirect read_redirect(const std::string& bytes) {
  const auto& redirect = *flatbuffers::GetRoot<Redirect>(bytes.data());
  OwnedRedirect read{.id = redirect.id()->str(),
                     .survivor = text_in(redirect.survivor()),
                     .root = redirect.root()->str(),
                     .decision = redirect.decision()};
  if (redirect.version() != nullptr) read.version = OwnedVersion(view_of(*redirect.version()));
  if (redirect.stays() == nullptr) return read;
  for (const Stay* stay : *redirect.stays()) {
    read.stays.push_back({OwnedVersion(view_of(*stay->from())),
                          OwnedVersion(view_of(*stay->until())), stay->survivor()->str(),
                          stay->root()->str()});
  }
  return read;
}

std::map<std::string, OwnedRedirect> read_redirects(const Rows& rows) {
  std::map<std::string, OwnedRedirect> redirects;
  for (const auto& [id, bytes] : rows) redirects[id] = read_redirect(bytes);
  return redirects;
}

void read_states(const Folds& folds, WholeFlow& flow, Problems& problems) {
  for (const auto& [root, bytes] : folds.store(kAccountStateStore)) {
    const StateImage image = read_state(*flatbuffers::GetRoot<AccountState>(bytes.data()));
    if (image.status != AccountStatus::Absorbed) {
      flow.states[root] = image;
    } else if (image != StateImage{.status = AccountStatus::Absorbed}) {
      problems.push_back(fmt::format("{} is absorbed, and is {}", root, text_of(image)));
    }
  }
}

/// Whether the account has the child as its root and its row have it.
bool is_entry_of(const AccountRow& row, const ChildUpdate& at_root, const std::string& at_account) {
  const auto& entry = *flatbuffers::GetRoot<ChildUpdate>(at_account.data());
  return entry.root()->string_view() == at_root.root()->string_view() &&
         project(*entry.row(), entry.kind()) == project(row, entry.kind());
}

void read_children(const Folds& folds, WholeFlow& flow, Problems& problems) {
  const Rows rows = folds.store(kChildRowStore);
  const Rows at_accounts = folds.store(kChildEntryStore);
  const Rows at_roots = folds.store(kRootChildStore);
  if (at_accounts.size() != at_roots.size()) {
    problems.push_back(fmt::format("accounts have {} children, and roots {}", at_accounts.size(),
                                   at_roots.size()));
  }
  for (const auto& [key, bytes] : at_roots) {
    const auto& entry = *flatbuffers::GetRoot<ChildUpdate>(bytes.data());
    const std::string account = entry.account()->str();
    const std::string child = child_key(entry.kind(), entry.child()->string_view());
    const auto stored = rows.find(child);
    if (stored == rows.end()) {
      problems.push_back(child + " is at a root, and has no row");
      continue;
    }
    const auto& row = *flatbuffers::GetRoot<AccountRow>(stored->second.data());
    PlacedChild placed{account, entry.root()->str(), text_of(read_row(row))};
    const bool is_first =
        flow.children.emplace(std::pair(entry.kind(), entry.child()->str()), std::move(placed))
            .second;
    if (!is_first) problems.push_back(child + " is in two places");
    const auto found = at_accounts.find(key_under(account, child));
    if (found == at_accounts.end() || !is_entry_of(row, entry, found->second)) {
      problems.push_back(fmt::format("{} is not so at its account {}", child, account));
    }
  }
  if (!folds.store(kChildMoveStore).empty()) problems.emplace_back("children are still to move");
}

void read_rows(const Folds& folds, WholeFlow& flow) {
  for (const auto& [id, bytes] : folds.store(kRowStore)) {
    flow.rows["Account " + id] = text_of(read_row(*flatbuffers::GetRoot<AccountRow>(bytes.data())));
  }
  for (const auto& [key, bytes] : folds.store(kChildRowStore)) {
    const RowView row = read_row(*flatbuffers::GetRoot<AccountRow>(bytes.data()));
    const std::string kind = EnumNameChildKind(kind_in_child_key(key).value());
    flow.rows[kind + ' ' + std::string(row.id)] = text_of(row);
  }
}

void read_conflicts(const Folds& folds, WholeFlow& flow, Problems& problems) {
  for (const auto& [key, bytes] : folds.conflicts()) {
    const auto& conflict = *flatbuffers::GetRoot<Conflict>(bytes.data());
    OwnedConflict read{conflict.kind(), {}, OwnedVersion(view_of(*conflict.version()))};
    for (const flatbuffers::String* id : *conflict.ids()) read.ids.push_back(id->str());
    if (read.ids.front() != key) problems.push_back(key + " is not the first id of its conflict");
    switch (read.kind) {
      case ConflictKind::Split:
        flow.splits.insert(std::move(read));
        break;
      case ConflictKind::CycleEdgeInactive:
        if (!flow.inactive_edges.insert(std::move(read)).second) {
          problems.push_back(key + " became inactive twice");
        }
        break;
      case ConflictKind::CycleResolved:
        read.kind = ConflictKind::CycleEdgeInactive;
        if (flow.inactive_edges.erase(read) == 0) {
          problems.push_back(key + " became active, and was not inactive");
        }
        break;
      case ConflictKind::TerritoryRuleFault:
        break;
      default:
        problems.push_back(key + " has a conflict that nothing explains");
    }
  }
}

/// The rows of a store that its topic has to have.
template <class Table>
Rows published(const Rows& rows, bool (*is_published)(const Table&)) {
  Rows all;
  for (const auto& [key, bytes] : rows) {
    if (is_published(*flatbuffers::GetRoot<Table>(bytes.data()))) all[key] = bytes;
  }
  return all;
}

void check_topic(std::string_view topic, const Rows& published, const Rows& stored,
                 Problems& problems) {
  if (published == stored) return;
  std::string first;
  for (const auto& [key, bytes] : stored) {
    const auto found = published.find(key);
    if (first.empty() && (found == published.end() || found->second != bytes)) first = key;
  }
  for (const auto& [key, bytes] : published) {
    if (first.empty() && !stored.contains(key)) first = key;
  }
  std::ranges::replace(first, '\0', ' ');
  problems.push_back(fmt::format("{} has {} rows, its store {}; the first that differs: {}", topic,
                                 published.size(), stored.size(), first));
}

void check_merges(const Folds& folds, UnmergedChildren children, Problems& problems) {
  std::vector<OwnedMergeFact> facts;
  std::vector<std::string> ids;
  for (const auto& [key, bytes] : folds.store(kForestStore)) {
    if (key.starts_with('n')) ids.push_back(key.substr(1));
    if (!key.starts_with('f')) continue;
    facts.push_back(copy_merge_fact(*flatbuffers::GetRoot<MergeFact>(bytes.data())));
  }
  MergeOracle oracle(facts, children);
  // The fact that named it may have given way to another of the same version.
  for (const std::string& id : ids) {
    oracle.redirects.try_emplace(id, OwnedRedirect{.id = id, .root = id});
  }
  const WholeFlow expected{.redirects = std::move(oracle.redirects),
                           .inactive_edges = std::move(oracle.inactive_edges)};
  WholeFlow actual{.redirects = read_redirects(folds.topic(kRedirects.name))};
  read_conflicts(folds, actual, problems);
  for (std::string& line : differences(actual, expected)) problems.push_back(std::move(line));
}

void check_counts(const Folds& folds, Problems& problems) {
  std::map<std::string, std::set<std::pair<ChildKind, std::string>>> children;
  for (const auto& [key, bytes] : folds.store(kRootChildStore)) {
    const auto& entry = *flatbuffers::GetRoot<ChildUpdate>(bytes.data());
    children[entry.root()->str()].emplace(entry.kind(), entry.child()->str());
  }
  for (const auto& [root, bytes] : folds.store(kAccountStateStore)) {
    const StateImage state = read_state(*flatbuffers::GetRoot<AccountState>(bytes.data()));
    decltype(state.children) counts{};
    for (const auto& [kind, id] : children[root]) ++counts.at(static_cast<size_t>(kind));
    if (counts != state.children) {
      problems.push_back(fmt::format("{} has not the children that it counts", root));
    }
    children.erase(root);
  }
  for (const auto& [root, ids] : children) problems.push_back(root + " has children and no state");
}

}  // namespace

StateImage read_state(const AccountState& state) {
  StateImage image{.status = state.status(),
                   .delete_pending = state.delete_pending(),
                   .event_time_ms = state.event_time_ms(),
                   .incomplete = state.incomplete()};
  for (const Member* member : *state.members()) {
    image.members.push_back(text_of_member(member->id()->str(), text_in(member->via())));
  }
  for (const GoldenField* field : *state.fields()) {
    image.fields[field->name()->str()] = text_of_field(*field);
  }
  if (state.children() != nullptr) {
    std::ranges::copy(read_counts(*state.children()), image.children.begin());
  }
  return image;
}

WholeFlow read_flow(const Folds& folds, Problems& problems) {
  WholeFlow flow{.redirects = read_redirects(folds.store(kRedirectStore))};
  read_states(folds, flow, problems);
  read_children(folds, flow, problems);
  read_rows(folds, flow);
  read_conflicts(folds, flow, problems);
  return flow;
}

void check_commits(const Folds& folds, UnmergedChildren children, Problems& problems) {
  check_merges(folds, children, problems);
  check_counts(folds, problems);
  check_topic(kAccountStates.name, folds.topic(kAccountStates.name),
              published<AccountState>(folds.store(kAccountStateStore),
                                      [](const AccountState& state) {
                                        return state.status() == AccountStatus::Active ||
                                               state.status() == AccountStatus::Pending;
                                      }),
              problems);
  check_topic(kAccountTerritories.name, folds.topic(kAccountTerritories.name),
              folds.store(kAccountTerritoryStore), problems);
  check_topic(kEntitlements.name, folds.topic(kEntitlements.name),
              published<FeatureEntitlement>(folds.store(kEntitlementStateStore),
                                            [](const FeatureEntitlement& state) {
                                              return state.segments() != nullptr &&
                                                     state.segments()->size() > 0;
                                            }),
              problems);
}

}  // namespace millrace::simulation::crm_job
