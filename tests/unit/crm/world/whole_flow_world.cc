#include "whole_flow_world.h"

#include <algorithm>

#include "moment_text.h"

namespace millrace::crm {
namespace {

constexpr std::array kFields{"Name", "City", "Fax"};
constexpr int64_t kGraceMs = 5'000;

/// Of an account that nothing is merged into and that is merged into nothing until the last phase.
std::string settler_id() {
  return sf_id("001", 'q');
}

}  // namespace

WholeFlowWorld::Input WholeFlowWorld::input_of(const RawChange& one) {
  if (one.source == "sf") return {kRawTopic, one.event()};
  FieldMap fields;
  for (const auto& [name, value] : one.sent_fields()) fields.insert(RawChange::ours(name, value));
  return {kAccounts.name, change(one.type, one.internal_id(), one.ms, fields)};
}

WholeFlowWorld::Input WholeFlowWorld::input_of(const OwnedMergeFact& fact) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(write_merge_fact(builder, fact));
  return {kMergeFacts.name, Flat<MergeFact>(builder).bytes()};
}

WholeFlowWorld::WholeFlowWorld(uint32_t seed) : random_(seed) {
  versions_ = up_to(14) + 3;
  make_rules();
  for (size_t i = up_to(10) + 4; i > 0; --i) make_account_change();
  for (size_t i = up_to(20) + 8; i > 0; --i) make_child_change();
  for (size_t i = up_to(9) + 1; i > 0; --i) make_fact();
  for (size_t i = up_to(3); i > 0; --i) make_merge_transaction();
  if (one_in(2)) make_unmerge();
  if (!one_in(3)) make_settler();
}

Mapping WholeFlowWorld::mapping() const {
  Result<Mapping> read = parse_mapping(R"({"topics": {
    "crm.accounts": {"format": "flatbuffers"},
    "crm.raw.sf": {"format": "salesforce_cometd", "source": "sf", "entities": {
      "Account": {"type": "account", "master": "MasterRecordId",
                  "fields": {"Name": "name", "City": "city", "Fax": "fax",
                             "MasterRecordId": "master"}},
      "Contact": {"type": "contact", "parent": "AccountId",
                  "fields": {"AccountId": "account", "Name": "name", "Fax": "fax"}},
      "Opportunity": {"type": "opportunity", "parent": "AccountId",
                      "fields": {"AccountId": "account", "Name": "name", "Fax": "fax"}},
      "Contract": {"type": "contract", "parent": "AccountId",
                   "fields": {"AccountId": "account", "Name": "name", "Fax": "fax",
                              "Status": "status", "End_Time": "end_time"}},
      "Asset": {"type": "asset", "parent": "AccountId",
                "fields": {"AccountId": "account", "Name": "name", "Fax": "fax",
                           "Contract_Id": {"name": "contract_id", "reference": true},
                           "Feature": "feature", "Feature_Kind": "feature_kind",
                           "Amount": "amount", "End_Time": "end_time"}}}}}})");
  MILLRACE_ASSERT(read.ok(), read.message().c_str());
  read->survivorship = rules_.survivorship;
  return *std::move(read);
}

Events WholeFlowWorld::events_until(size_t phase) const {
  Events events;
  for (size_t i = 0; i <= phase; ++i) events.add(phases_.at(i));
  return events;
}

std::vector<WholeFlowWorld::Input> WholeFlowWorld::inputs(size_t phase) {
  std::vector<Input> inputs;
  for (const RawChange& change : phases_.at(phase).changes) inputs.push_back(input_of(change));
  for (const OwnedMergeFact& fact : phases_.at(phase).facts) inputs.push_back(input_of(fact));
  const Events known = events_until(phase);
  for (size_t i = up_to(8); i > 0; --i) {
    const size_t which = up_to(known.changes.size() + known.facts.size() - 1);
    inputs.push_back(which < known.changes.size()
                         ? input_of(known.changes[which])
                         : input_of(known.facts[which - known.changes.size()]));
  }
  std::ranges::shuffle(inputs, random_);
  return inputs;
}

std::string WholeFlowWorld::any_account() {
  if (one_in(5)) return one_in(2) ? "erp:x" : "ad:y";
  return "sf:" + any_sf_account();
}

std::optional<std::string> WholeFlowWorld::any_value() {
  if (one_in(4)) return std::nullopt;
  return std::string(1, static_cast<char>('p' + up_to(3)));
}

FieldPolicy WholeFlowWorld::any_policy() {
  FieldPolicy policy{.rule = static_cast<Survivorship>(up_to(3))};
  if (policy.rule == Survivorship::kSourcePriority) {
    policy.sources = {"erp", "sf"};
    if (one_in(2)) std::ranges::reverse(policy.sources);
  }
  return policy;
}

void WholeFlowWorld::make_rules() {
  if (one_in(2)) rules_.children = UnmergedChildren::kStay;
  if (!one_in(4)) rules_.survivorship.standard = any_policy();
  for (const char* field : {"name", "city"}) {
    if (one_in(2)) rules_.survivorship.fields[field] = any_policy();
  }
  options_.unmerged_children = rules_.children;
  options_.child_move_slice = up_to(2) + 1;
  options_.delete_grace_ms = one_in(3) ? 0 : kGraceMs;
}

void WholeFlowWorld::make_account_change() {
  const std::string id = any_account();
  const size_t colon = id.find(':');
  RawChange change{.entity = "Account",
                   .id = id.substr(colon + 1),
                   .type = one_in(3) ? ChangeType::Update : static_cast<ChangeType>(up_to(4)),
                   .ms = any_version(),
                   .transaction = any_transaction(),
                   .source = id.substr(0, colon)};
  for (const char* field : kFields) {
    if (one_in(2)) change.fields[field] = any_value();
  }
  if (change.source != "sf") {
    change.transaction.clear();
    change.sequence = 0;
  } else if (one_in(5)) {
    // Its own id names no other account; child_world.cc says why there are no nulls.
    change.fields[kMasterField] = one_in(4) ? change.id : any_sf_account();
  }
  add(std::move(change));
}

/// Children of different kinds may have the same id.
void WholeFlowWorld::make_child_change() {
  const size_t dice = up_to(9);
  RawChange change{.entity = kChildEntities.at(up_to(kChildEntities.size() - 1)).first,
                   .id = sf_id("003", static_cast<char>('a' + up_to(2))),
                   .type = dice < 5   ? ChangeType::Update
                           : dice < 8 ? ChangeType::Create
                                      : static_cast<ChangeType>(up_to(4)),
                   .ms = any_version(),
                   .transaction = any_transaction()};
  if (!one_in(4)) {
    change.fields[kParentField] = one_in(10) ? std::nullopt : std::optional(any_sf_account());
    if (one_in(8)) change.fields[kParentField] = settler_id();
  }
  for (const char* field : {"Name", "Fax"}) {
    if (one_in(3)) change.fields[field] = any_value();
  }
  make_grant(change);
  add(std::move(change));
}

/// Most of the features that an asset grants end: soon, or after some days.
void WholeFlowWorld::make_grant(RawChange& change) {
  constexpr int64_t kMinuteMs = 60'000;
  const auto set = [&](const char* field, const std::string& value) {
    if (!one_in(3)) change.fields[field] = one_in(8) ? std::nullopt : std::optional(value);
  };
  const auto number = [&](size_t last) { return static_cast<int64_t>(up_to(last)); };
  const bool is_asset = change.entity == "Asset";
  if (!is_asset && change.entity != "Contract") return;
  const int64_t end_ms = kStartMs + (one_in(3) ? number(9000) : number(4)) * kMinuteMs;
  if (one_in(2)) set("End_Time", moment_text(end_ms / 1000 + number(59)));
  if (!is_asset) return set("Status", one_in(3) ? "Cancelled" : "Activated");
  set("Feature", one_in(2) ? "seats" : "api");
  set("Feature_Kind", one_in(3) ? "quantity_max" : "quantity_sum");
  set("Amount", std::to_string(number(9)));
  if (one_in(3)) set(kContractField, sf_id("003", static_cast<char>('a' + up_to(2))));
}

void WholeFlowWorld::make_fact() {
  OwnedMergeFact fact{.victim = any_account(), .version = {any_version(), 0, ""}};
  const size_t dice = up_to(9);
  if (dice <= 1) {
    fact.kind = MergeFactKind::Split;
    fact.successors = {any_account()};
  } else if (dice <= 4) {
    fact.kind = MergeFactKind::Unmerge;
  } else {
    fact.survivor = any_account();
  }
  phases_[up_to(kPhases - 1)].facts.push_back(std::move(fact));
}

/// A merge as a source makes it, now and then without one of its parts, and what is left of it when
/// the loser comes back.
void WholeFlowWorld::make_merge_transaction() {
  const std::string loser = any_sf_account();
  const std::string winner = any_sf_account();
  RawChange part{.entity = "Account",
                 .id = loser,
                 .type = ChangeType::Delete,
                 .ms = any_version(),
                 .transaction = any_transaction()};
  if (!one_in(10)) add(part);
  part.id = winner;
  part.type = ChangeType::Update;
  part.sequence = 2;
  if (!one_in(10)) add(part);
  for (size_t i = up_to(2) + 1; i > 0; --i) {
    part.entity = kChildEntities.at(up_to(kChildEntities.size() - 1)).first;
    part.id = sf_id("003", static_cast<char>('a' + up_to(2)));
    part.fields[kParentField] = winner;
    ++part.sequence;
    add(part);
    if (one_in(10)) continue;
    RawChange before = part;
    before.ms = any_version();
    before.transaction = any_transaction();
    before.fields[kParentField] = loser;
    add(std::move(before));
  }
  if (!one_in(3)) return;
  add({.entity = "Account",
       .id = loser,
       .type = ChangeType::Undelete,
       .ms = part.ms + static_cast<int64_t>(up_to(3)),
       .fields = {{"Name", any_value()}},
       .transaction = any_transaction()});
}

/// A merge that is taken back, and a child that came to the victim meanwhile.
void WholeFlowWorld::make_unmerge() {
  const std::string victim = any_sf_account();
  const int64_t ms = any_version();
  Events& phase = phases_[up_to(kPhases - 1)];
  phase.facts.push_back(
      {.victim = "sf:" + victim, .version = {ms, 0, ""}, .survivor = any_account()});
  phase.facts.push_back(
      {.victim = "sf:" + victim, .version = {ms + 2, 0, ""}, .kind = MergeFactKind::Unmerge});
  add({.entity = "Contact",
       .id = sf_id("003", 'd'),
       .ms = ms + 1,
       .fields = {{kParentField, victim}},
       .transaction = any_transaction()});
}

/// It is there in the first phase, goes in the second, and in the third it may come back or turn
/// out to have been merged.
void WholeFlowWorld::make_settler() {
  RawChange change{.entity = "Account",
                   .id = settler_id(),
                   .ms = any_version(),
                   .fields = {{"Name", any_value()}, {"City", any_value()}},
                   .transaction = any_transaction()};
  phases_[0].changes.push_back(change);
  change.type = ChangeType::Delete;
  change.ms += static_cast<int64_t>(versions_);
  change.fields.clear();
  phases_[1].changes.push_back(change);
  if (one_in(3)) {
    change.type = ChangeType::Undelete;
    change.ms += 1;
    change.fields = {{"Fax", any_value()}};
    phases_[2].changes.push_back(change);
  } else if (one_in(2)) {
    phases_[2].facts.push_back({.victim = change.internal_id(),
                                .version = {any_version(), 0, ""},
                                .survivor = any_account()});
  }
}

}  // namespace millrace::crm
