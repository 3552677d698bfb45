#include "crm/territory/rule_feed.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "millrace/core/assert.h"
#include "millrace/core/serde.h"

namespace millrace::crm::territory {
namespace {

constexpr char kApplied = 'd';
constexpr char kWaiting = 'p';
constexpr std::string_view kDueKey = "f";
constexpr std::string_view kSignalKey = "s";
constexpr std::string_view kTakenKey = "l";
constexpr size_t kNumberSize = sizeof(int64_t);
constexpr char kFirstKind = '0';

std::string row_prefix(char row, DefinitionKind kind) {
  return {row, static_cast<char>(kFirstKind + static_cast<char>(kind))};
}

int64_t number_at(std::string_view bytes, size_t at) {
  return Serde<int64_t>::view(Bytes(bytes.data() + at, kNumberSize));
}

/// Of the key of a change that waits: the part that the definition's other rows share.
std::string_view name_of(std::string_view key) {
  return key.substr(1, key.size() - 1 - 1 - kNumberSize);
}

template <class Table>
Status check_as(Bytes value) {
  MILLRACE_RETURN_IF_ERROR(Serde<Table>::validate(value));
  return read_definition(*flatbuffers::GetRoot<Table>(value.data())).status();
}

/// `name`: the kind's digit and the id.
Status check_definition(std::string_view name, Bytes value) {
  switch (name.empty() ? '\0' : name.front()) {
    case kFirstKind + static_cast<char>(DefinitionKind::kModel):
      return check_as<TerritoryModel>(value);
    case kFirstKind + static_cast<char>(DefinitionKind::kTerritory):
      return check_as<Territory>(value);
    case kFirstKind + static_cast<char>(DefinitionKind::kRule):
      return check_as<TerritoryRule>(value);
    case kFirstKind + static_cast<char>(DefinitionKind::kAssociation):
      return check_as<RuleTerritory>(value);
    default:
      return Error{ErrorCode::kInvalidRecord, "a definition of an unknown kind"};
  }
}

Status check_waiting(std::string_view key, Bytes value) {
  constexpr size_t kShortest = 1 + 1 + 1 + kNumberSize;  // row, kind, NUL, number
  if (key.size() < kShortest || key[key.size() - kNumberSize - 1] != '\0' ||
      value.size() < kNumberSize) {
    return Error{ErrorCode::kInvalidRecord, "a change without its number or time"};
  }
  const Bytes definition(value.data() + kNumberSize, value.size() - kNumberSize);
  if (!definition.empty()) return check_definition(name_of(key), definition);
  const char kind = key[1];
  if (kind >= kFirstKind && kind <= kFirstKind + static_cast<char>(DefinitionKind::kAssociation)) {
    return {};
  }
  return Error{ErrorCode::kInvalidRecord, "a removal of an unknown kind"};
}

template <class Definition, class Table>
RuleSetChange read_as(std::string_view id, Bytes value) {
  Result<Definition> definition = read_definition(*flatbuffers::GetRoot<Table>(value.data()));
  MILLRACE_ASSERT(definition.ok(), "definitions are validated when they are read");
  definition->id = id;
  return *std::move(definition);
}

/// `name`: the kind's digit and the id.
RuleSetChange change_of(std::string_view name, Bytes value) {
  const auto kind = static_cast<DefinitionKind>(name.front() - kFirstKind);
  const std::string_view id = name.substr(1);
  if (value.is_null()) return Removal{kind, std::string(id)};
  switch (kind) {
    case DefinitionKind::kModel:
      return read_as<ModelDefinition, TerritoryModel>(id, value);
    case DefinitionKind::kTerritory:
      return read_as<TerritoryDefinition, Territory>(id, value);
    case DefinitionKind::kRule:
      return read_as<RuleDefinition, TerritoryRule>(id, value);
    case DefinitionKind::kAssociation:
      break;
  }
  return read_as<AssociationDefinition, RuleTerritory>(id, value);
}

}  // namespace

Status RuleFeed::check_row(Bytes key, Bytes value) {
  if (value.is_null()) return {};
  const std::string_view row = key.view();
  bool fits = row == kDueKey;
  if (row == kTakenKey) fits = value.size() == kNumberSize;
  if (row == kSignalKey) fits = value.size() == 2 * kNumberSize;
  if (fits) return {};
  if (row.starts_with(kApplied)) return check_definition(row.substr(1), value);
  if (row.starts_with(kWaiting)) return check_waiting(row, value);
  return Error{ErrorCode::kInvalidRecord, "no row of a feed of rules"};
}

std::vector<RuleSetChange> RuleFeed::applied() const {
  std::vector<RuleSetChange> definitions;
  for (const auto it = store_.prefix(std::string(1, kApplied)); it->valid(); it->next()) {
    definitions.push_back(change_of(it->key().view().substr(1), it->row().value));
  }
  return definitions;
}

void RuleFeed::add(DefinitionKind kind, std::string_view id, Bytes value, int64_t timestamp_ms) {
  if (kind == DefinitionKind::kModel && !value.is_null()) note_signal(value, timestamp_ms);
  std::string prefix = row_prefix(kWaiting, kind).append(id).append(1, '\0');
  int64_t number = 0;
  for (const auto it = store_.prefix(prefix); it->valid(); it->next()) {
    number = number_at(it->key().view(), prefix.size()) + 1;
  }
  Serde<int64_t>::encode(number, prefix);
  std::string change;
  Serde<int64_t>::encode(timestamp_ms, change);
  if (!value.is_null()) change.append(value.view());
  store_.put(prefix, change, timestamp_ms);
  if (timestamp_ms <= due_until_ms()) store_.put(kDueKey, Bytes(""), timestamp_ms);
}

std::map<std::string, std::string> RuleFeed::latest(DefinitionKind kind) const {
  std::map<std::string, std::string> values;
  const std::string applied = row_prefix(kApplied, kind);
  for (const auto it = store_.prefix(applied); it->valid(); it->next()) {
    values[it->key().to_string().substr(applied.size())] = it->row().value.to_string();
  }
  for (const auto it = store_.prefix(row_prefix(kWaiting, kind)); it->valid(); it->next()) {
    const std::string id(name_of(it->key().view()).substr(1));
    const std::string_view value = it->row().value.view().substr(kNumberSize);
    if (value.empty()) {
      values.erase(id);
    } else {
      values[id] = value;
    }
  }
  return values;
}

void RuleFeed::add_differences(DefinitionKind kind, const BroadcastRows& rows,
                               int64_t timestamp_ms) {
  std::map<std::string, std::string> gone = latest(kind);
  rows.for_each([&](Bytes key, Row row) {
    const auto known = gone.extract(key.to_string());
    if (known.empty() || row.value != Bytes(known.mapped())) {
      add(kind, key.view(), row.value, row.timestamp_ms);
    }
  });
  for (const auto& [id, value] : gone) add(kind, id, Bytes(), timestamp_ms);
}

std::vector<RuleSetChange> RuleFeed::take() {
  if (has_looked_ && !store_.get(kDueKey)) return {};
  has_looked_ = true;
  const int64_t until_ms = due_until_ms();
  std::vector<std::string> taken;
  std::map<std::string, std::string> latest;
  int64_t latest_ms = taken_ms();
  std::string waits;  // what comes later must not overtake it
  for (const auto it = store_.prefix(std::string(1, kWaiting)); it->valid(); it->next()) {
    std::string name(name_of(it->key().view()));
    const std::string_view change = it->row().value.view();
    const int64_t timestamp_ms = number_at(change, 0);
    if (name == waits || timestamp_ms > until_ms) {
      waits = std::move(name);
      continue;
    }
    taken.push_back(it->key().to_string());
    latest_ms = std::max(latest_ms, timestamp_ms);
    latest[std::move(name)] = change.substr(kNumberSize);
  }
  store_.erase(kDueKey, latest_ms);
  for (const std::string& key : taken) store_.erase(key, latest_ms);
  std::vector<RuleSetChange> changes;
  for (const auto& [name, value] : latest) {
    const std::string key = kApplied + name;
    const Bytes now = value.empty() ? Bytes() : Bytes(value);
    if (store_.get(key).value == now) continue;
    if (now.is_null()) {
      store_.erase(key, latest_ms);
    } else {
      store_.put(key, now, latest_ms);
    }
    changes.push_back(change_of(name, now));
  }
  if (taken.empty()) return changes;
  std::string time;
  Serde<int64_t>::encode(latest_ms, time);
  store_.put(kTakenKey, time, latest_ms);
  return changes;
}

int64_t RuleFeed::taken_ms() const {
  const Row row = store_.get(kTakenKey);
  return row ? number_at(row.value.view(), 0) : 0;
}

RuleFeed::Signal RuleFeed::signal() const {
  const Row row = store_.get(kSignalKey);
  if (!row) return {};
  return {number_at(row.value.view(), 0), number_at(row.value.view(), kNumberSize)};
}

void RuleFeed::note_signal(Bytes model, int64_t timestamp_ms) {
  const int64_t run_ms = flatbuffers::GetRoot<TerritoryModel>(model.data())->rules_run_ms();
  const Signal known = signal();
  if (run_ms <= known.run_ms) return;
  std::string row;
  Serde<int64_t>::encode(run_ms, row);
  Serde<int64_t>::encode(std::max(known.published_ms, timestamp_ms), row);
  store_.put(kSignalKey, row, timestamp_ms);
  store_.put(kDueKey, Bytes(""), timestamp_ms);
}

int64_t RuleFeed::due_until_ms() const {
  return runs_ == RuleRuns::kContinuous ? std::numeric_limits<int64_t>::max()
                                        : signal().published_ms;
}

}  // namespace millrace::crm::territory
