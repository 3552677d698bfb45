#include "whole_flow_coverage.h"

#include <algorithm>
#include <functional>
#include <span>

namespace millrace::crm {
namespace {

using OfChange = std::function<bool(const RawChange&)>;

bool is_other(const WholeFlow& a, const WholeFlow& b) {
  return a.redirects != b.redirects || a.states != b.states || a.children != b.children;
}

/// Who is merged into whom.
std::set<std::pair<std::string, std::string>> merges_in(const WholeFlow& flow) {
  std::set<std::pair<std::string, std::string>> merges;
  for (const auto& [id, redirect] : flow.redirects) {
    if (!redirect.survivor.empty()) merges.emplace(id, redirect.survivor);
  }
  return merges;
}

Events without(Events events, const OfChange& those) {
  std::erase_if(events.changes, those);
  return events;
}

OfChange accounts_that(ChangeType type) {
  return [type](const RawChange& one) { return one.entity == "Account" && one.type == type; };
}

OfChange children_that(ChangeType type) {
  return [type](const RawChange& one) { return one.entity != "Account" && one.type == type; };
}

Events without_masters(Events events) {
  for (RawChange& one : events.changes) one.fields.erase("MasterRecordId");
  return events;
}

/// A child that was under one account comes to another.
bool is_move(const RawChange& change, const Events& events) {
  const auto parent = change.fields.find("AccountId");
  if (change.entity == "Account" || parent == change.fields.end()) return false;
  return std::ranges::any_of(events.changes, [&](const RawChange& other) {
    const auto before = other.fields.find("AccountId");
    return other.entity == change.entity && other.id == change.id && other.ms < change.ms &&
           before != other.fields.end() && before->second != parent->second;
  });
}

void add_changes(const Events& events, const Rules& rules, const WholeFlow& expected,
                 Coverage& coverage) {
  const auto count = [&](const std::string& what, const OfChange& those) {
    coverage.count(what, is_other(expected_flow(without(events, those), rules), expected));
  };
  for (const ChangeType type : {ChangeType::Create, ChangeType::Update, ChangeType::Delete,
                                ChangeType::Undelete, ChangeType::Gap}) {
    const std::string name = EnumNameChangeType(type);
    count("account " + name, accounts_that(type));
    count("child " + name, children_that(type));
  }
  for (const auto& [entity, kind] : kChildEntities) {
    count(entity, [name = entity](const RawChange& one) { return one.entity == name; });
  }
  for (const char* source : {"erp", "ad"}) {
    count(source, [&](const RawChange& one) { return one.source == source; });
  }
  count("child moves", [&](const RawChange& one) { return is_move(one, events); });
}

/// Without masters: a merge that a transaction tells and nobody else does, unless it was undone.
bool has_undone_inference(const Events& events, const Rules& rules, const Rules& no_signals) {
  const Events no_undeletes = without(events, accounts_that(ChangeType::Undelete));
  const auto left = merges_in(expected_flow(events, rules));
  const auto told_otherwise = merges_in(expected_flow(no_undeletes, no_signals));
  return std::ranges::any_of(merges_in(expected_flow(no_undeletes, rules)), [&](const auto& merge) {
    return !left.contains(merge) && !told_otherwise.contains(merge);
  });
}

void add_merges(const Events& events, const Rules& rules, const WholeFlow& expected,
                Coverage& coverage) {
  const auto count = [&, merges = merges_in(expected)](const std::string& what, const Events& left,
                                                       const Rules& under) {
    coverage.count(what, merges_in(expected_flow(left, under)) != merges);
  };
  for (const MergeFactKind kind :
       {MergeFactKind::Merge, MergeFactKind::Unmerge, MergeFactKind::Split}) {
    Events left = events;
    std::erase_if(left.facts, [kind](const OwnedMergeFact& fact) { return fact.kind == kind; });
    count(std::string("fact ") + EnumNameMergeFactKind(kind), left, rules);
  }
  count("master record", without_masters(events), rules);
  count("undelete", without(events, accounts_that(ChangeType::Undelete)), rules);
  Rules no_signals = rules;
  no_signals.transactions_tell_merges = false;
  count("transaction", events, no_signals);
  coverage.count("undelete of an inferred merge",
                 has_undone_inference(without_masters(events), rules, no_signals));
}

/// Counts effects that depend on the times of arrival.
void add_arrival(const WholeFlowWorld& world, const WholeFlow& expected, Coverage& coverage) {
  const Events first = world.events_until(0);
  const WholeFlow after_first = expected_flow(first, world.rules());
  coverage.count("merge before create",
                 std::ranges::any_of(after_first.redirects, [&](const auto& redirect) {
                   const std::string row = "Account " + redirect.first;
                   return !redirect.second.survivor.empty() && !after_first.rows.contains(row) &&
                          expected.rows.contains(row);
                 }));
  const Events all = world.events_until(WholeFlowWorld::kPhases - 1);
  const std::span later(all.changes.begin() + static_cast<std::ptrdiff_t>(first.changes.size()),
                        all.changes.end());
  coverage.count("late change", std::ranges::any_of(later, [&](const RawChange& late) {
                   return std::ranges::any_of(first.changes, [&](const RawChange& before) {
                     return before.internal_id() == late.internal_id() && late.ms < before.ms;
                   });
                 }));
}

void add_shapes(const WholeFlow& expected, Coverage& coverage) {
  std::map<std::string, size_t> victims;
  bool has_chain = false;
  for (const auto& [id, redirect] : expected.redirects) {
    if (redirect.survivor.empty()) continue;
    ++victims[redirect.survivor];
    has_chain |= redirect.survivor != redirect.root;
  }
  coverage.count("cycle", !expected.inactive_edges.empty());
  coverage.count("chain", has_chain);
  coverage.count("fan-in", std::ranges::any_of(
                               victims, [](const auto& survivor) { return survivor.second > 1; }));
  coverage.count("pending with children", std::ranges::any_of(expected.states, [](const auto& s) {
                   return s.second.status == AccountStatus::Pending &&
                          s.second.children != StateImage{}.children;
                 }));
  coverage.count("deleted with children", std::ranges::any_of(expected.states, [](const auto& s) {
                   return s.second.status == AccountStatus::Deleted &&
                          s.second.children != StateImage{}.children;
                 }));
}

void add_rules(const Events& events, const Rules& rules, const WholeFlow& expected,
               Coverage& coverage) {
  Rules other = rules;
  const bool is_stay = rules.children == UnmergedChildren::kStay;
  other.children = is_stay ? UnmergedChildren::kReturn : UnmergedChildren::kStay;
  coverage.count(is_stay ? "children stay" : "children return",
                 expected_flow(events, other).children != expected.children);
  for (const Survivorship rule :
       {Survivorship::kMostRecent, Survivorship::kSourcePriority, Survivorship::kFillIfNull}) {
    Rules without_rule = rules;
    const auto drop = [rule](FieldPolicy& policy) {
      if (policy.rule == rule) policy = {};
    };
    drop(without_rule.survivorship.standard);
    for (auto& [field, policy] : without_rule.survivorship.fields) drop(policy);
    coverage.count("survivorship " + std::to_string(static_cast<int>(rule)),
                   expected_flow(events, without_rule).states != expected.states);
  }
}

}  // namespace

void Coverage::add(const WholeFlowWorld& world, const WholeFlow& expected) {
  const Events events = world.events_until(WholeFlowWorld::kPhases - 1);
  add_changes(events, world.rules(), expected, *this);
  add_merges(events, world.rules(), expected, *this);
  add_shapes(expected, *this);
  add_arrival(world, expected, *this);
  add_rules(events, world.rules(), expected, *this);
}

}  // namespace millrace::crm
