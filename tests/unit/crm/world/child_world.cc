#include "child_world.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "crm/account_row.h"
#include "crm/account_topology.h"
#include "crm/children/child_counts.h"
#include "crm/ids.h"
#include "merge_oracle.h"
#include "signal_oracle.h"

namespace millrace::crm {
namespace {

ExpectedChild child_of(const RowView& row, std::string account) {
  ExpectedChild child{.account = std::move(account), .fields = {}};
  for (const FieldView& field : row.fields) {
    std::optional<std::string> value;
    if (field.value) value = std::string(*field.value);
    child.fields.emplace_back(field.name, value, field.version.commit_timestamp_ms);
  }
  return child;
}

MergeOracle merges_of(const std::vector<std::string>& facts, const std::vector<RawChange>& changes,
                      UnmergedChildren children) {
  std::vector<OwnedMergeFact> all = signals_of(changes);
  for (const std::string& bytes : facts) {
    all.push_back(read_merge_fact(*flatbuffers::GetRoot<MergeFact>(bytes.data())).value());
  }
  return MergeOracle(all, children);
}

}  // namespace

Mapping child_mapping() {
  Result<Mapping> read = parse_mapping(R"({"topics": {"crm.raw.sf": {
    "format": "salesforce_cometd", "source": "sf", "entities": {
      "Account": {"type": "account", "master": "MasterRecordId",
                  "fields": {"Name": "name", "MasterRecordId": "master"}},
      "Contact": {"type": "contact", "parent": "AccountId",
                  "fields": {"AccountId": "account", "Name": "name"}},
      "Asset": {"type": "asset", "parent": "AccountId",
                "fields": {"AccountId": "account", "Name": "name"}}}}}})");
  MILLRACE_ASSERT(read.ok(), read.message().c_str());
  return *std::move(read);
}

ChildWorld::ChildWorld(uint32_t seed) : random_(seed) {
  versions_ = up_to(11) + 1;
  for (size_t i = up_to(5); i > 0; --i) changes_.push_back(make_account_change());
  for (size_t i = up_to(24) + 1; i > 0; --i) changes_.push_back(make_child_change());
  for (size_t i = up_to(8); i > 0; --i) facts_.push_back(make_fact());
  for (size_t i = up_to(2); i > 0; --i) make_merge_transaction();
}

std::vector<std::pair<std::string_view, std::string>> ChildWorld::records() {
  std::vector<std::pair<std::string_view, std::string>> records;
  for (const RawChange& change : changes_) records.emplace_back(kRawTopic, change.event());
  for (const std::string& bytes : facts_) records.emplace_back(kMergeFacts.name, bytes);
  for (size_t i = up_to(8); i > 0; --i) records.push_back(records[up_to(records.size() - 1)]);
  std::ranges::shuffle(records, random_);
  return records;
}

std::map<std::string, ExpectedAccount> ChildWorld::expected(UnmergedChildren children) const {
  const MergeOracle merges = merges_of(facts_, changes_, children);
  const auto root_of = [&merges](const std::string& id) {
    const auto found = merges.redirects.find(id);
    return found == merges.redirects.end() ? id : found->second.root;
  };
  const auto root_of_child = [&](const std::string& account, VersionView since) {
    const auto found = merges.redirects.find(account);
    if (found == merges.redirects.end()) return account;
    for (const OwnedStay& stay : found->second.stays) {
      if (stay.from.view() <= since && since < stay.until.view()) return stay.root;
    }
    return found->second.root;
  };
  std::map<std::string, ExpectedAccount> accounts;
  for (const auto& [id, redirect] : merges.redirects) accounts[redirect.root];
  const RawRows account_views(changes_, "Account");
  for (const auto& [id, row] : account_views.rows()) {
    ExpectedAccount& account = accounts[root_of(id)];
    if (id != root_of(id)) continue;
    if (row.status == RowStatus::Live) account.status = AccountStatus::Active;
    if (row.status == RowStatus::Deleted) account.status = AccountStatus::Deleted;
  }
  for (const auto& [entity, kind] :
       {std::pair("Contact", ChildKind::Contact), std::pair("Asset", ChildKind::Asset)}) {
    const RawRows views(changes_, entity);
    for (const auto& [id, row] : views.rows()) {
      const auto parent = std::ranges::find(row.fields, "account", &FieldView::name);
      if (row.status != RowStatus::Live || parent == row.fields.end() || !parent->value) continue;
      const std::string account(*parent->value);
      accounts[root_of_child(account, parent->version)].children[{kind, id}] =
          child_of(row, account);
    }
  }
  return accounts;
}

std::map<std::string, std::string> ChildWorld::roots() const {
  std::map<std::string, std::string> roots;
  const MergeOracle merges = merges_of(facts_, changes_, UnmergedChildren::kReturn);
  for (const auto& [id, redirect] : merges.redirects) roots[id] = redirect.root;
  return roots;
}

RawChange ChildWorld::make_account_change() {
  RawChange change{.entity = "Account",
                   .id = sf_id("001", any_letter(4)),
                   .type = static_cast<ChangeType>(up_to(4)),
                   .ms = any_version(),
                   .transaction = any_transaction()};
  change.fields["Name"] = std::string(1, any_letter(2));
  if (up_to(3) == 0) {
    // Its own id names no other account. A null would end a merge, at a version that depends on the
    // order of arrival.
    change.fields[kMasterField] = up_to(3) == 0 ? change.id : sf_id("001", any_letter(4));
  }
  return change;
}

/// Contacts and assets of the same ids.
RawChange ChildWorld::make_child_change() {
  const size_t dice = up_to(9);
  RawChange change{.entity = up_to(1) == 0 ? "Contact" : "Asset",
                   .id = sf_id("003", any_letter(3)),
                   .type = dice < 5   ? ChangeType::Update
                           : dice < 8 ? ChangeType::Create
                                      : static_cast<ChangeType>(up_to(4)),
                   .ms = any_version(),
                   .transaction = any_transaction()};
  if (change.type == ChangeType::Delete || change.type == ChangeType::Gap) return change;
  if (up_to(3) != 0) {
    change.fields[kParentField] =
        up_to(7) == 0 ? std::nullopt : std::optional(sf_id("001", any_letter(4)));
  }
  if (up_to(1) == 0) change.fields["Name"] = std::string(1, any_letter(2));
  return change;
}

/// A merge as a source makes it, now and then without one of its parts.
void ChildWorld::make_merge_transaction() {
  const std::string loser = sf_id("001", any_letter(4));
  const std::string winner = sf_id("001", any_letter(4));
  RawChange part{.entity = "Account",
                 .id = loser,
                 .type = ChangeType::Delete,
                 .ms = any_version(),
                 .transaction = any_transaction()};
  if (up_to(9) != 0) changes_.push_back(part);
  part.id = winner;
  part.type = ChangeType::Update;
  part.sequence = 2;
  if (up_to(9) != 0) changes_.push_back(part);
  part.entity = "Contact";
  for (size_t i = up_to(2) + 1; i > 0; --i) {
    part.id = sf_id("003", any_letter(3));
    part.fields[kParentField] = winner;
    ++part.sequence;
    changes_.push_back(part);
    if (up_to(9) == 0) continue;
    RawChange before = part;
    before.ms = any_version();
    before.transaction = any_transaction();
    before.fields[kParentField] = loser;
    changes_.push_back(before);
  }
  if (up_to(3) != 0) return;
  changes_.push_back({.entity = "Account",
                      .id = loser,
                      .type = ChangeType::Undelete,
                      .ms = any_version(),
                      .transaction = any_transaction()});
}

std::string ChildWorld::make_fact() {
  const size_t dice = up_to(9);
  const auto kind = dice == 0   ? MergeFactKind::Split
                    : dice <= 2 ? MergeFactKind::Unmerge
                                : MergeFactKind::Merge;
  return fact(kind, "sf:" + sf_id("001", any_letter(4)), "sf:" + sf_id("001", any_letter(4)),
              any_version());
}

std::map<std::string, ExpectedAccount> accounts_with_children(
    const std::map<std::string, std::string>& states,
    const std::map<std::string, std::string>& entries) {
  std::map<std::string, ExpectedAccount> accounts;
  std::map<std::string, ChildTally> counts;
  for (const auto& [root, bytes] : states) {
    const auto& state = *flatbuffers::GetRoot<AccountState>(bytes.data());
    if (state.status() == AccountStatus::Absorbed) continue;
    accounts[root].status = state.status();
    if (state.children() != nullptr) counts[root] = read_counts(*state.children());
  }
  std::map<std::string, ChildTally> counted;
  for (const auto& [key, bytes] : entries) {
    const auto& entry = *flatbuffers::GetRoot<ChildUpdate>(bytes.data());
    const std::string root = entry.root()->str();
    const RowView row = read_row(*entry.row());
    EXPECT_EQ(row.newest_version(), view_of(*entry.version()));
    const bool is_first = accounts[root]
                              .children
                              .emplace(std::pair(entry.kind(), entry.child()->str()),
                                       child_of(row, entry.account()->str()))
                              .second;
    EXPECT_TRUE(is_first) << "two entries of " << entry.child()->str();
    ++counted[root][static_cast<size_t>(entry.kind())];
  }
  EXPECT_EQ(counts, counted);
  return accounts;
}

}  // namespace millrace::crm
