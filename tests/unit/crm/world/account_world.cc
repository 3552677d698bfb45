#include "account_world.h"

#include <algorithm>
#include <memory>

#include "crm/account_topology.h"
#include "crm/merges/merge_forest.h"
#include "crm/model/account_row.h"
#include "merge_oracle.h"
#include "row_oracle.h"

namespace millrace::crm {
namespace {

template <class Table, class Object>
std::string packed(const Object& object) {
  return Flat<Table>(object).bytes();
}

std::unique_ptr<VersionT> version(int64_t ms) {
  auto object = std::make_unique<VersionT>();
  object->commit_timestamp_ms = ms;
  return object;
}

std::optional<std::string> text_of(const flatbuffers::String* text) {
  return text == nullptr ? std::nullopt : std::optional(text->str());
}

void add_member(State& state, const OwnedRedirect& redirect,
                const std::vector<ChangeView>& changes) {
  state.members.emplace_back(redirect.id, redirect.survivor);
  if (redirect.decision != RedirectDecision::None) {
    state.event_time_ms = std::max(state.event_time_ms, redirect.version.commit_timestamp_ms);
  }
  const RowView row = row_oracle(redirect.id, changes);
  for (const auto& at : {row.existence_version, row.full_image_version, row.gap_version}) {
    if (at) state.event_time_ms = std::max(state.event_time_ms, at->commit_timestamp_ms);
  }
  state.incomplete |= row.incomplete() && row.status != RowStatus::Deleted;
  if (redirect.id != redirect.root || row.status == RowStatus::Unknown) return;
  state.status = row.status == RowStatus::Live ? AccountStatus::Active : AccountStatus::Deleted;
  if (row.status == RowStatus::Deleted) return;
  for (const FieldView& field : row.fields) {
    std::optional<std::string> value;
    if (field.value) value = std::string(*field.value);
    state.fields.emplace_back(std::string(field.name), value, redirect.id,
                              field.version.commit_timestamp_ms);
  }
}

}  // namespace

std::string change(ChangeType type, const std::string& id, int64_t ms, const FieldMap& fields) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<FieldValue>> values;
  for (const auto& [name, value] : fields) {
    const auto name_offset = builder.CreateString(name);
    values.push_back(CreateFieldValue(
        builder, name_offset,
        value ? builder.CreateString(*value) : flatbuffers::Offset<flatbuffers::String>()));
  }
  const auto id_offset = builder.CreateString(id);
  const auto fields_offset = builder.CreateVector(values);
  builder.Finish(
      CreateAccountChange(builder, id_offset, type, CreateVersion(builder, ms), fields_offset));
  return Flat<AccountChange>(builder).bytes();
}

std::string fact(MergeFactKind kind, const std::string& victim, const std::string& survivor,
                 int64_t ms) {
  MergeFactT object;
  object.kind = kind;
  object.victim = victim;
  if (kind == MergeFactKind::Merge) object.survivor = survivor;
  if (kind == MergeFactKind::Split) object.successors = {survivor};
  object.version = version(ms);
  return packed<MergeFact>(object);
}

State state_of(const std::string& bytes) {
  const auto& table = *flatbuffers::GetRoot<AccountState>(bytes.data());
  State state{.status = table.status(),
              .members = {},
              .fields = {},
              .event_time_ms = table.event_time_ms(),
              .incomplete = table.incomplete()};
  for (const Member* member : *table.members()) {
    state.members.emplace_back(member->id()->str(), text_of(member->via()).value_or(""));
  }
  for (const GoldenField* field : *table.fields()) {
    state.fields.emplace_back(field->name()->str(), text_of(field->value()), field->member()->str(),
                              field->version()->commit_timestamp_ms());
  }
  return state;
}

World::World(uint32_t seed) : random_(seed) {
  versions_ = up_to(11) + 1;
  for (size_t i = up_to(14); i > 0; --i) changes_.push_back(make_change());
  for (size_t i = up_to(10) + 1; i > 0; --i) facts_.push_back(make_fact());
}

std::vector<std::pair<std::string_view, std::string>> World::records() {
  std::vector<std::pair<std::string_view, std::string>> records;
  for (const auto& value : changes_) records.emplace_back(kAccounts.name, value);
  for (const auto& value : facts_) records.emplace_back(kMergeFacts.name, value);
  for (size_t i = up_to(5); i > 0; --i) records.push_back(records[up_to(records.size() - 1)]);
  std::ranges::shuffle(records, random_);
  return records;
}

std::map<std::string, State> World::expected() const {
  std::vector<OwnedMergeFact> facts;
  for (const std::string& bytes : facts_) {
    facts.push_back(read_merge_fact(*flatbuffers::GetRoot<MergeFact>(bytes.data())).value());
  }
  MergeOracle merges(facts);
  std::vector<ChangeView> changes;
  for (const std::string& bytes : changes_) {
    changes.push_back(read_change(*flatbuffers::GetRoot<AccountChange>(bytes.data())).value());
    const std::string id(changes.back().id);
    OwnedRedirect self;
    self.id = self.root = id;
    merges.redirects.emplace(id, self);
  }
  std::map<std::string, State> states;
  for (const auto& [id, redirect] : merges.redirects) {
    add_member(states[redirect.root], redirect, changes);
  }
  return states;
}

std::string World::make_change() {
  const auto type = static_cast<ChangeType>(up_to(4));
  FieldMap fields;
  if (type != ChangeType::Delete && type != ChangeType::Gap) {
    for (const char* name : {"city", "name"}) {
      if (up_to(2) == 0) continue;
      fields[name] = up_to(4) == 0
                         ? std::nullopt
                         : std::optional(std::string(1, static_cast<char>('p' + up_to(3))));
    }
  }
  return change(type, any_id(), any_version(), fields);
}
std::string World::make_fact() {
  const size_t dice = up_to(9);
  const auto kind = dice == 0   ? MergeFactKind::Split
                    : dice <= 2 ? MergeFactKind::Unmerge
                                : MergeFactKind::Merge;
  return fact(kind, any_id(), any_id(), any_version());
}

}  // namespace millrace::crm
