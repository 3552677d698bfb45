#include "whole_flow_oracle.h"

#include <algorithm>

#include "merge_oracle.h"
#include "signal_oracle.h"

namespace millrace::crm {
namespace {

using Rows = std::map<std::string, RowView>;

/// A value that one member has for a field.
struct Candidate {
  std::string member;
  FieldView field;
};
using Candidates = std::vector<Candidate>;

Candidates those(const Candidates& from, auto condition) {
  Candidates left;
  std::ranges::copy_if(from, std::back_inserter(left), condition);
  return left;
}

std::optional<Candidate> most_recent(const Candidates& from) {
  std::optional<Candidate> best;
  for (const Candidate& one : from) {
    const bool is_better =
        !best || best->field.version < one.field.version ||
        (best->field.version == one.field.version && best->field.value < one.field.value) ||
        (best->field.version == one.field.version && best->field.value == one.field.value &&
         one.member < best->member);
    if (is_better) best = one;
  }
  return best;
}

std::optional<Candidate> chosen(const Candidates& all, const std::string& root,
                                const FieldPolicy& policy) {
  const auto has_value = [](const Candidate& one) { return one.field.value.has_value(); };
  const auto is_root = [&](const Candidate& one) { return one.member == root; };
  const Candidates values = those(all, has_value);
  const Candidates& left = values.empty() ? all : values;
  switch (policy.rule) {
    case Survivorship::kMasterWins:
      return most_recent(those(all, is_root));
    case Survivorship::kMostRecent:
      return most_recent(all);
    case Survivorship::kFillIfNull: {
      const Candidates own = those(left, is_root);
      return most_recent(own.empty() ? left : own);
    }
    case Survivorship::kSourcePriority:
      for (const std::string& source : policy.sources) {
        const Candidates of_source =
            those(left, [&](const Candidate& one) { return one.member.starts_with(source + ":"); });
        if (!of_source.empty()) return most_recent(of_source);
      }
      return most_recent(left);
  }
  return std::nullopt;
}

/// A component: its redirects, and the rows of its members.
class Component {
 public:
  Component(std::string root, const Rows& rows, const SurvivorshipPolicy& policy)
      : root_(std::move(root)), rows_(rows), policy_(policy) {}

  void add(const OwnedRedirect& member) {
    state_.members.push_back(text_of_member(member.id, member.survivor));
    if (member.decision != RedirectDecision::None) seen(member.version.view());
    const auto found = rows_.find(member.id);
    if (found == rows_.end()) return;
    const RowView& row = found->second;
    for (const auto& version : {row.existence_version, row.full_image_version, row.gap_version}) {
      if (version) seen(*version);
    }
    for (const FieldView& field : row.fields) seen(field.version);
    const bool has_gap =
        row.gap_version && (!row.full_image_version || *row.full_image_version < *row.gap_version);
    if (row.status != RowStatus::Deleted && has_gap) state_.incomplete = true;
    if (row.status == RowStatus::Live) {
      for (const FieldView& field : row.fields) fields_[field.name].push_back({member.id, field});
    }
    if (member.id != root_) return;
    if (row.status == RowStatus::Live) state_.status = AccountStatus::Active;
    if (row.status == RowStatus::Deleted) state_.status = AccountStatus::Deleted;
  }

  StateImage state() const {
    StateImage state = state_;
    if (state.status == AccountStatus::Deleted) return state;
    for (const auto& [name, candidates] : fields_) {
      const auto best = chosen(candidates, root_, policy_.of(name));
      if (!best) continue;
      state.fields[std::string(name)] =
          text_of_field(best->field.value, best->member, best->field.version);
    }
    return state;
  }

 private:
  void seen(VersionView version) {
    state_.event_time_ms = std::max(state_.event_time_ms, version.commit_timestamp_ms);
  }

  std::string root_;
  const Rows& rows_;
  const SurvivorshipPolicy& policy_;
  StateImage state_;
  std::map<std::string_view, Candidates> fields_;
};

std::string root_of_child(const WholeFlow& flow, const std::string& account, VersionView since) {
  const auto found = flow.redirects.find(account);
  if (found == flow.redirects.end()) return account;
  for (const OwnedStay& stay : found->second.stays) {
    const bool is_in = !(since < stay.from.view()) && since < stay.until.view();
    if (is_in) return flow.redirects.at(stay.survivor).root;
  }
  return found->second.root;
}

void place_children(const Events& events, WholeFlow& flow) {
  for (const auto& [entity, kind] : kChildEntities) {
    const RawRows raw(events.changes, entity);
    for (const auto& [id, row] : raw.rows()) {
      flow.rows[std::string(EnumNameChildKind(kind)) + ' ' + id] = text_of(row);
      if (row.status != RowStatus::Live) continue;
      for (const FieldView& field : row.fields) {
        if (field.name != "account" || !field.value) continue;
        const std::string account(*field.value);
        const std::string root = root_of_child(flow, account, field.version);
        flow.children[{kind, id}] = {account, root, text_of(row)};
        ++flow.states[root].children[static_cast<size_t>(kind)];
      }
    }
  }
}

/// The row as it was before its delete, as far as it tells: without what the delete brought.
void take_delete_back(RowView& row) {
  if (row.status != RowStatus::Deleted) return;
  std::vector<FieldView> before;
  for (const FieldView& field : row.fields) {
    if (field.version != *row.existence_version) before.push_back(field);
  }
  row.fields = before;
  row.status = RowStatus::Live;
  row.existence_version = std::nullopt;
}

/// `waiting`: an account whose delete is not believed; may be empty.
WholeFlow flow_of(const Events& events, const Rules& rules, const std::string& waiting) {
  MergeOracle merges(all_facts(events, rules), rules.children);
  WholeFlow flow{.redirects = std::move(merges.redirects),
                 .inactive_edges = std::move(merges.inactive_edges),
                 .splits = std::move(merges.splits)};
  const RawRows raw(events.changes, "Account");
  Rows rows = raw.rows();
  if (!waiting.empty()) take_delete_back(rows.at(waiting));
  std::map<std::string, OwnedRedirect> members = flow.redirects;
  for (const auto& [id, row] : rows) {
    flow.rows["Account " + id] = text_of(row);
    members.try_emplace(id, OwnedRedirect{.id = id, .root = id});
  }
  std::map<std::string, Component> components;
  for (const auto& [id, member] : members) {
    components.try_emplace(member.root, member.root, rows, rules.survivorship)
        .first->second.add(member);
  }
  for (const auto& [root, component] : components) flow.states[root] = component.state();
  place_children(events, flow);
  return flow;
}

}  // namespace

void Events::add(const Events& more) {
  changes.insert(changes.end(), more.changes.begin(), more.changes.end());
  facts.insert(facts.end(), more.facts.begin(), more.facts.end());
}

std::vector<OwnedMergeFact> all_facts(const Events& events, const Rules& rules) {
  std::vector<OwnedMergeFact> facts = signals_of(events.changes);
  if (!rules.transactions_tell_merges) {
    std::erase_if(facts, [](const OwnedMergeFact& fact) {
      return fact.authority == MergeAuthority::Transaction;
    });
  }
  facts.insert(facts.end(), events.facts.begin(), events.facts.end());
  return facts;
}

WholeFlow expected_flow(const Events& events, const Rules& rules) {
  return flow_of(events, rules, "");
}

StateImage waiting_state(const Events& events, const Rules& rules, const std::string& root) {
  StateImage state = flow_of(events, rules, root).states[root];
  state.delete_pending = true;
  return state;
}

}  // namespace millrace::crm
