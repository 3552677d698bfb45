#include "signal_oracle.h"

#include <tuple>

namespace millrace::crm {
namespace {

bool is(const RawChange& change, ChangeType type) {
  return change.entity == "Account" && change.type == type;
}

OwnedMergeFact fact_of(const RawChange& change, MergeAuthority authority) {
  OwnedMergeFact fact;
  fact.victim = change.internal_id();
  fact.version = {change.ms, change.sequence, change.transaction};
  fact.authority = authority;
  return fact;
}

/// The account that a field names; empty: none.
std::string named(const RawChange& change, const char* field) {
  const FieldMap fields = change.sent_fields();
  const auto found = fields.find(field);
  if (found == fields.end() || !found->second) return {};
  return "sf:" + *found->second;
}

/// `change` brought a record from account `from` to account `to`.
bool moved(const RawChange& change, const std::vector<RawChange>& changes, const std::string& from,
           const std::string& to) {
  if (change.entity == "Account" || from == to || named(change, "AccountId") != to) return false;
  for (const RawChange& before : changes) {
    if (before.entity != change.entity || before.id != change.id) continue;
    const bool is_older = std::tie(before.ms, before.sequence, before.transaction) <
                          std::tie(change.ms, change.sequence, change.transaction);
    if (is_older && named(before, "AccountId") == from) return true;
  }
  return false;
}

}  // namespace

std::vector<OwnedMergeFact> signals_of(const std::vector<RawChange>& changes) {
  std::vector<OwnedMergeFact> facts;
  for (const RawChange& change : changes) {
    if (change.entity != "Account") continue;
    if (is(change, ChangeType::Undelete)) {
      facts.push_back(fact_of(change, MergeAuthority::Undelete));
      facts.back().kind = MergeFactKind::Unmerge;
      continue;
    }
    const std::string master = named(change, "MasterRecordId");
    if (master.empty() || master == change.internal_id()) continue;
    facts.push_back(fact_of(change, MergeAuthority::MasterRecord));
    facts.back().survivor = master;
  }
  for (const RawChange& loser : changes) {
    for (const RawChange& winner : changes) {
      if (!is(loser, ChangeType::Delete) || !is(winner, ChangeType::Update)) continue;
      if (loser.transaction != winner.transaction) continue;
      for (const RawChange& child : changes) {
        if (child.transaction != loser.transaction) continue;
        if (!moved(child, changes, loser.internal_id(), winner.internal_id())) continue;
        facts.push_back(fact_of(loser, MergeAuthority::Transaction));
        facts.back().survivor = winner.internal_id();
      }
    }
  }
  return facts;
}

}  // namespace millrace::crm
