#include "output_checks.h"

#include <algorithm>

#include <fmt/format.h>

#include "crm/account_topology.h"
#include "crm/entitlement/entitlement_row.h"
#include "crm/territory/assignment_rows.h"

namespace millrace::simulation::crm_job {
namespace {

using namespace crm;  // NOLINT(google-build-using-namespace): its vocabulary is the job's

/// Whether it is higher than the last one, which it replaces.
template <class Number>
bool rises(std::map<std::string, Number>& last, const std::string& key, Number now) {
  const auto [it, is_first] = last.try_emplace(key, now);
  if (is_first) return true;
  return now > std::exchange(it->second, now);
}

/// Whether it is at least the last one, which it replaces.
template <class Number>
bool stays_or_rises(std::map<std::string, Number>& last, const std::string& key, Number now) {
  const auto [it, is_first] = last.try_emplace(key, now);
  return is_first || now >= std::exchange(it->second, now);
}

bool is_same(const EntitlementSegment* a, const EntitlementSegment* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->from_ms() == b->from_ms() && a->to_ms() == b->to_ms() && a->status() == b->status() &&
         a->amount() == b->amount();
}

}  // namespace

void OutputChecks::accept(const History::Event& event) {
  if (const auto* fact = std::get_if<OwnedMergeFact>(&event)) {
    ids_.insert(fact->victim);
    if (!fact->survivor.empty()) ids_.insert(fact->survivor);
    ids_.insert(fact->successors.begin(), fact->successors.end());
    latest_ms_ = std::max(latest_ms_, fact->version.commit_timestamp_ms);
    return;
  }
  const auto& change = std::get<RawChange>(event);
  latest_ms_ = std::max(latest_ms_, change.ms);
  const std::string id = change.internal_id();
  if (change.entity == "Account") ids_.insert(id);
  const VersionView version{change.ms, change.sequence, change.transaction};
  for (const auto& [name, value] : change.sent_fields()) {
    const auto [our_name, our_value] = RawChange::ours(name, value);
    const bool names_account = name == kParentField || name == kMasterField;
    if (names_account && our_value) ids_.insert(*our_value);
    if (change.entity != "Account") continue;
    fields_.emplace(our_name, text_of_field(our_value, id, version));
  }
}

Finding OutputChecks::check(const std::string& topic, const testing::StoredRecord& record) {
  const std::string key = record.key.value_or("");
  const std::string* const bytes = record.value ? &*record.value : nullptr;
  Finding found;
  if (topic == kAccountStates.name) found = check_state(key, bytes);
  if (topic == kRedirects.name) found = check_redirect(key, bytes);
  if (topic == kAccountTerritories.name) found = check_territory(key, bytes);
  if (topic == kEntitlements.name) found = check_entitlement(key, bytes);
  if (topic == kConflicts.name) found = check_conflict(record.value.value_or(""));
  if (!found) return {};
  std::string name = key;
  std::ranges::replace(name, '\0', ' ');
  return fmt::format("{}@{} about {}: {}", topic, record.offset, name, *found);
}

Finding OutputChecks::check_known(const std::string& id) const {
  if (ids_.contains(id)) return {};
  return id + " is an account that no input names";
}

Finding OutputChecks::check_state(const std::string& root, const std::string* bytes) {
  if (Finding unknown = check_known(root)) return unknown;
  if (bytes == nullptr) return {};
  const auto& state = *flatbuffers::GetRoot<AccountState>(bytes->data());
  if (state.root()->str() != root) return "its root is " + state.root()->str();
  if (!rises(counters_, root, state.version())) {
    return fmt::format("its version goes back to {}", state.version());
  }
  if (state.event_time_ms() > latest_ms_) {
    return fmt::format("it is of {}, later than all inputs", state.event_time_ms());
  }
  for (const Member* member : *state.members()) {
    if (Finding unknown = check_known(member->id()->str())) return unknown;
  }
  for (const GoldenField* field : *state.fields()) {
    const std::string text = text_of_field(*field);
    if (!fields_.contains({field->name()->str(), text})) {
      return fmt::format("its {} is {}, which no input says", field->name()->str(), text);
    }
  }
  return {};
}

Finding OutputChecks::check_redirect(const std::string& id, const std::string* bytes) {
  if (bytes == nullptr) return std::string("it is forgotten, and nobody asked for that");
  const auto& redirect = *flatbuffers::GetRoot<Redirect>(bytes->data());
  if (redirect.id()->str() != id) return "it is the redirect of " + redirect.id()->str();
  if (Finding unknown = check_known(id)) return unknown;
  return check_known(redirect.root()->str());
}

Finding OutputChecks::check_territory(const std::string& key, const std::string* bytes) {
  const std::string root = root_in_key(Bytes(key)).to_string();
  if (Finding unknown = check_known(root)) return unknown;
  if (bytes == nullptr) return {};
  const auto& row = *flatbuffers::GetRoot<AccountTerritory>(bytes->data());
  if (territory::assignment_key(row.root()->str(), row.territory()->str()) != key) {
    return "it says " + row.root()->str() + " is in " + row.territory()->str();
  }
  if (!stays_or_rises(epochs_, key, row.alignment_epoch())) {
    return fmt::format("its epoch goes back to {}", row.alignment_epoch());
  }
  return {};
}

Finding OutputChecks::check_entitlement(const std::string& key, const std::string* bytes) {
  if (Finding unknown = check_known(root_in_key(Bytes(key)).to_string())) return unknown;
  if (bytes == nullptr) return {};
  const auto& row = *flatbuffers::GetRoot<FeatureEntitlement>(bytes->data());
  if (key_under(row.root()->str(), row.feature()->str()) != key) {
    return "it is of " + row.root()->str();
  }
  if (!rises(feature_counters_, key, row.version())) {
    return fmt::format("its version goes back to {}", row.version());
  }
  if (!stays_or_rises(as_of_ms_, key, row.as_of_ms())) {
    return fmt::format("its time goes back to {}", row.as_of_ms());
  }
  const EntitlementSegment* current = nullptr;
  std::optional<int64_t> next_ms;
  for (const EntitlementSegment* segment : *row.segments()) {
    const bool has_begun = !segment->from_ms() || *segment->from_ms() <= row.as_of_ms();
    if (!has_begun && !next_ms) next_ms = *segment->from_ms();
    if (has_begun && segment->to_ms() && *segment->to_ms() > row.as_of_ms()) {
      next_ms = *segment->to_ms();
    }
    const bool has_ended = segment->to_ms() && *segment->to_ms() <= row.as_of_ms();
    if (has_begun && !has_ended) current = segment;
  }
  const auto said_ms = row.next_change_ms();
  if (!is_same(row.current(), current) || said_ms != flatbuffers::Optional<int64_t>(next_ms)) {
    return fmt::format("at {} another segment is current, or the next change is another",
                       row.as_of_ms());
  }
  return {};
}

Finding OutputChecks::check_conflict(const std::string& bytes) {
  const auto& conflict = *flatbuffers::GetRoot<Conflict>(bytes.data());
  if (conflict.kind() == ConflictKind::TerritoryRuleFault) return {};
  for (const flatbuffers::String* id : *conflict.ids()) {
    if (Finding unknown = check_known(id->str())) return unknown;
  }
  return {};
}

}  // namespace millrace::simulation::crm_job
