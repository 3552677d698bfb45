#include "child_world.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "crm/account_topology.h"
#include "crm/accounts/child_counts.h"
#include "crm/children/child_projection.h"
#include "crm/children/child_topology.h"
#include "crm/entitlement/child_source.h"
#include "crm/entitlement/deriver.h"
#include "crm/model/account_row.h"
#include "crm/model/composite_key.h"
#include "crm/model/ids.h"
#include "merge_oracle.h"
#include "signal_oracle.h"

namespace millrace::crm {
namespace {

ExpectedChild child_of(const RowView& row, std::string account) {
  ExpectedChild child{.account = std::move(account), .fields = {}, .product = {}};
  for (const FieldView& field : row.fields) {
    std::optional<std::string> value;
    if (field.value) value = std::string(*field.value);
    child.fields.emplace_back(field.name, value, field.version.commit_timestamp_ms);
  }
  return child;
}

std::string product_of(const RowView& row) {
  const auto product = std::ranges::find(row.fields, "product", &FieldView::name);
  return product == row.fields.end() ? std::string() : std::string(product->value.value_or(""));
}

MergeOracle merges_of(const std::vector<std::string>& facts, const std::vector<RawChange>& changes,
                      UnmergedChildren children) {
  std::vector<OwnedMergeFact> all = signals_of(changes);
  for (const std::string& bytes : facts) {
    all.push_back(read_merge_fact(*flatbuffers::GetRoot<MergeFact>(bytes.data())).value());
  }
  return MergeOracle(all, children);
}

/// The rows of children and their entries at accounts.
class EntriesAtAccounts {
 public:
  explicit EntriesAtAccounts(const StoreReader& rows_of)
      : entries_(rows_of(kChildEntryStore)), rows_(rows_of(kChildRowStore)) {}

  size_t size() const { return entries_.size(); }

  ExpectedChild find(const ChildUpdate& at_root) const {
    const std::string key = child_key(at_root.kind(), at_root.child()->string_view());
    const auto& row = *flatbuffers::GetRoot<AccountRow>(rows_.at(key).data());
    const auto& entry = *flatbuffers::GetRoot<ChildUpdate>(
        entries_.at(key_under(at_root.account()->string_view(), key)).data());
    EXPECT_EQ(entry.root()->str(), at_root.root()->str());
    EXPECT_EQ(project(*entry.row(), entry.kind()), project(row, entry.kind())) << key;
    EXPECT_LE(view_of(*entry.version()), read_row(row).newest_version());
    return child_of(read_row(row), at_root.account()->str());
  }

 private:
  std::map<std::string, std::string> entries_;
  std::map<std::string, std::string> rows_;
};

void add_products(const std::map<std::string, std::string>& sources,
                  std::map<std::string, ExpectedAccount>& accounts) {
  for (const auto& [key, bytes] : sources) {
    const auto& input = *flatbuffers::GetRoot<EntitlementInput>(bytes.data());
    auto& children = accounts[input.root()->str()].children;
    const auto child = std::ranges::find_if(children, [&input](const auto& one) {
      return grant_source_id(one.first.first, one.first.second) == input.id()->string_view();
    });
    const bool is_known = child != children.end() && !child->second.product;
    EXPECT_TRUE(is_known) << key;
    if (!is_known) continue;
    EXPECT_EQ(child->second.account, input.via()->str());
    const auto* product = input.row()->product();
    child->second.product = product == nullptr ? "" : product->str();
  }
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
                "fields": {"AccountId": "account", "Name": "name", "Product": "product"}}}}}})");
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
      ExpectedChild child = child_of(row, account);
      if (kind == ChildKind::Asset) child.product = product_of(row);
      accounts[root_of_child(account, parent->version)].children[{kind, id}] = std::move(child);
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
  if (change.entity == "Asset" && up_to(2) == 0) {
    change.fields["Product"] =
        up_to(3) == 0 ? std::nullopt : std::optional(std::string(1, any_letter(1)));
  }
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

std::map<std::string, ExpectedAccount> accounts_with_children(const StoreReader& rows_of) {
  std::map<std::string, ExpectedAccount> accounts;
  std::map<std::string, ChildTally> counts;
  for (const auto& [root, bytes] : rows_of(kAccountStateStore)) {
    const auto& state = *flatbuffers::GetRoot<AccountState>(bytes.data());
    if (state.status() == AccountStatus::Absorbed) continue;
    accounts[root].status = state.status();
    if (state.children() != nullptr) counts[root] = read_counts(*state.children());
  }
  const EntriesAtAccounts at_accounts(rows_of);
  std::map<std::string, ChildTally> counted;
  size_t entries = 0;
  for (const auto& [key, bytes] : rows_of(kRootChildStore)) {
    const auto& entry = *flatbuffers::GetRoot<ChildUpdate>(bytes.data());
    EXPECT_TRUE(entry.row() == nullptr && entry.version() == nullptr && entry.since() == nullptr);
    const std::string root = entry.root()->str();
    const bool is_first =
        accounts[root]
            .children
            .emplace(std::pair(entry.kind(), entry.child()->str()), at_accounts.find(entry))
            .second;
    EXPECT_TRUE(is_first) << "two entries of " << entry.child()->str();
    ++counted[root][static_cast<size_t>(entry.kind())];
    ++entries;
  }
  EXPECT_EQ(entries, at_accounts.size());
  EXPECT_EQ(counts, counted);
  add_products(rows_of(kEntitlementSourceStore), accounts);
  return accounts;
}

}  // namespace millrace::crm
