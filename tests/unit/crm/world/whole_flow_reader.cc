#include "whole_flow_reader.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "crm/account_topology.h"
#include "crm/children/child_counts.h"
#include "crm/children/child_topology.h"
#include "crm/composite_key.h"

namespace millrace::crm {
namespace {

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

void read_states(const FlowRunner& runner, WholeFlow& flow) {
  for (const auto& [root, bytes] : runner.all_rows(kAccountStateStore)) {
    const auto& state = *flatbuffers::GetRoot<AccountState>(bytes.data());
    EXPECT_EQ(state.root()->str(), root);
    const StateImage image = read_state(state);
    if (image.status != AccountStatus::Absorbed) {
      flow.states[root] = image;
      continue;
    }
    EXPECT_EQ(text_of(image), text_of(StateImage{.status = AccountStatus::Absorbed})) << root;
  }
}

void read_children(const FlowRunner& runner, WholeFlow& flow) {
  const auto at_accounts = runner.all_rows(kChildEntryStore);
  const auto at_roots = runner.all_rows(kRootChildStore);
  EXPECT_EQ(at_accounts.size(), at_roots.size());
  for (const auto& [key, bytes] : at_roots) {
    const auto& entry = *flatbuffers::GetRoot<ChildUpdate>(bytes.data());
    const std::string account = entry.account()->str();
    PlacedChild child{account, entry.root()->str(), text_of(read_row(*entry.row()))};
    const bool is_first =
        flow.children.emplace(std::pair(entry.kind(), entry.child()->str()), std::move(child))
            .second;
    EXPECT_TRUE(is_first) << "two entries of " << entry.child()->str();
    const auto found =
        at_accounts.find(key_under(account, child_key(entry.kind(), entry.child()->string_view())));
    EXPECT_TRUE(found != at_accounts.end() && found->second == bytes) << key;
  }
  EXPECT_TRUE(runner.all_rows(kChildMoveStore).empty());
}

void read_rows(const FlowRunner& runner, WholeFlow& flow) {
  for (const auto& [id, bytes] : runner.all_rows(kRowStore)) {
    flow.rows["Account " + id] = text_of(read_row(*flatbuffers::GetRoot<AccountRow>(bytes.data())));
  }
  for (const auto& [key, bytes] : runner.all_rows(kChildRowStore)) {
    const RowView row = read_row(*flatbuffers::GetRoot<AccountRow>(bytes.data()));
    const std::string kind = EnumNameChildKind(kind_in_child_key(key).value());
    flow.rows[kind + ' ' + std::string(row.id)] = text_of(row);
  }
}

void read_conflicts(const FlowRunner& runner, WholeFlow& flow) {
  for (const FlowRunner::Output& output : runner.output(kConflicts.name)) {
    const auto& conflict = *flatbuffers::GetRoot<Conflict>(output.value->data());
    OwnedConflict read{conflict.kind(), {}, OwnedVersion(view_of(*conflict.version()))};
    for (const flatbuffers::String* id : *conflict.ids()) read.ids.push_back(id->str());
    EXPECT_EQ(read.ids.front(), output.key);
    if (read.kind == ConflictKind::Split) {
      flow.splits.insert(std::move(read));
    } else if (read.kind == ConflictKind::CycleEdgeInactive) {
      EXPECT_TRUE(flow.inactive_edges.insert(std::move(read)).second) << "told twice";
    } else {
      ASSERT_EQ(read.kind, ConflictKind::CycleResolved);
      read.kind = ConflictKind::CycleEdgeInactive;
      EXPECT_EQ(flow.inactive_edges.erase(read), 1U) << "was not told to be inactive";
    }
  }
}

std::map<std::string, std::string> latest_of(const std::vector<FlowRunner::Output>& outputs,
                                             bool is_coalesced) {
  std::map<std::string, std::string> latest;
  for (const FlowRunner::Output& output : outputs) {
    if (output.value) {
      latest[output.key] = *output.value;
    } else {
      const bool was_there = latest.erase(output.key) > 0;
      EXPECT_TRUE(was_there || is_coalesced) << output.key << " was not there";
    }
  }
  return latest;
}

}  // namespace

WholeFlow read_flow(const FlowRunner& runner) {
  WholeFlow flow;
  for (const auto& [id, bytes] : runner.all_rows(kRedirectStore)) {
    flow.redirects[id] = read_redirect(bytes);
  }
  read_states(runner, flow);
  read_children(runner, flow);
  read_rows(runner, flow);
  read_conflicts(runner, flow);
  return flow;
}

void expect_topics_equal_stores(const FlowRunner& runner, bool is_coalesced) {
  EXPECT_EQ(latest_of(runner.output(kRedirects.name), is_coalesced),
            runner.all_rows(kRedirectStore));
  std::map<std::string, std::string> states;
  for (auto& [root, bytes] : runner.all_rows(kAccountStateStore)) {
    const AccountStatus status = flatbuffers::GetRoot<AccountState>(bytes.data())->status();
    const bool is_there = status == AccountStatus::Active || status == AccountStatus::Pending;
    if (is_there) states[root] = bytes;
  }
  const std::vector<FlowRunner::Output>& outputs = runner.output(kAccountStates.name);
  EXPECT_EQ(latest_of(outputs, is_coalesced), states);
  std::map<std::string, uint64_t> counters;
  for (const FlowRunner::Output& output : outputs) {
    if (!output.value) continue;
    const uint64_t counter = flatbuffers::GetRoot<AccountState>(output.value->data())->version();
    EXPECT_GT(counter, counters[output.key]) << output.key;
    counters[output.key] = counter;
  }
}

}  // namespace millrace::crm
