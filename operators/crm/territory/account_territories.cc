#include "crm/territory/account_territories.h"

#include <string>
#include <utility>

#include "millrace/core/assert.h"

#include "crm/model/number_text.h"

namespace millrace::crm::territory {
namespace {

/// Lets go of what a slice read ahead, also if its emitter throws.
struct Unprepared {
  AssignmentRows& rows;
  ~Unprepared() { rows.prepare({}); }
};

}  // namespace

AccountTerritories::AccountTerritories(Stores stores, AccountSource& accounts, FieldTypes types)
    : stores_(stores),
      accounts_(accounts),
      types_(std::move(types)),
      rules_(types_),
      index_(stores.index),
      rows_(stores.rows),
      realignment_(stores.index, rules_) {}

uint64_t AccountTerritories::stored_count(std::string_view key) const {
  const Row row = stores_.index.get(key);
  return row ? number_in(row.value.view()).value_or(0) : 0;
}

Status AccountTerritories::check_index_row(Bytes key, Bytes value) {
  if (value.is_null()) return {};
  const bool is_count = key == Bytes(kVersionKey) || key == Bytes(kChoicesKey);
  if (is_count && !number_in(value.view())) {
    return Error{ErrorCode::kInvalidRecord, "the version of rules or choices is no number"};
  }
  MILLRACE_RETURN_IF_ERROR(AccountIndex::check_row(key, value));
  return Realignment::check_row(key, value);
}

void AccountTerritories::store_version(uint64_t version, int64_t timestamp_ms) {
  rules_version_ = version;
  if (version == this->version()) return;
  stores_.index.put(kVersionKey, std::to_string(version), timestamp_ms);
}

std::vector<RuleProblem> AccountTerritories::load(uint64_t version,
                                                  std::span<const RuleSetChange> definitions,
                                                  int64_t timestamp_ms) {
  rules_ = RuleSet(types_);
  RuleSetOutcome outcome = rules_.apply(definitions);
  realignment_.load();
  if (!choices_) choices_ = stored_count(kChoicesKey);
  const std::string types = types_.fingerprint();
  const Row stored = stores_.index.get(kTypesKey);
  const bool has_other_types = (stored ? stored.value.view() : std::string_view()) != types;
  if (has_other_types) stores_.index.put(kTypesKey, types, timestamp_ms);
  if (has_other_types || version != this->version()) realignment_.doubt_all(timestamp_ms);
  store_version(version, timestamp_ms);
  return std::move(outcome.problems);
}

std::vector<RuleProblem> AccountTerritories::change(uint64_t version,
                                                    std::span<const RuleSetChange> changes,
                                                    int64_t timestamp_ms) {
  MILLRACE_ASSERT(!is_ahead(), "rules that were taken back must be loaded again");
  if (version <= this->version()) return {};
  // First, so that rules which only a part of this changed are known to be ahead of the stores.
  rules_version_ = version;
  RuleSetOutcome outcome = rules_.apply(changes);
  realignment_.start(outcome.affected, timestamp_ms);
  store_version(version, timestamp_ms);
  return std::move(outcome.problems);
}

void AccountTerritories::doubt_all(int64_t timestamp_ms) {
  realignment_.doubt_all(timestamp_ms);
}

/// The count of the stores stays behind for as long as it is.
void AccountTerritories::note_choices(int64_t timestamp_ms) {
  const bool is_behind = choices_ != stored_count(kChoicesKey);
  ++*choices_;
  if (!is_behind) stores_.index.put(kChoicesKey, std::to_string(*choices_), timestamp_ms);
}

void AccountTerritories::settle_choices(int64_t timestamp_ms) {
  if (choices_ == stored_count(kChoicesKey)) return;
  realignment_.doubt_all(timestamp_ms);
  stores_.index.put(kChoicesKey, std::to_string(*choices_), timestamp_ms);
}

/// Of the account in `image_`.
std::vector<Assignment> AccountTerritories::assign() {
  const PersonalChoices& choices = image_.choices;
  return assignments(rules_, matcher_.match(image_.fields, choices.excluded), choices);
}

void AccountTerritories::align(std::string_view root, int64_t timestamp_ms,
                               const AssignmentRows::Emit& emit) {
  image_.fields.clear();
  image_.choices = {};
  std::vector<Assignment> assigned;
  incomparable_ = 0;
  if (accounts_.read(root, image_)) {
    index_.put(root, image_, rules_.rules(), realignment_.generation(), timestamp_ms);
    assigned = assign();
    incomparable_ = matcher_.incomparable();
  } else {
    index_.erase(root, timestamp_ms);
  }
  rows_.align(root, assigned, epoch(), timestamp_ms, emit);
}

size_t AccountTerritories::run_slice(size_t accounts_max, int64_t timestamp_ms,
                                     const AssignmentRows::Emit& emit) {
  const auto roots = realignment_.next_slice(accounts_max, timestamp_ms);
  index_.prefetch(roots);
  rows_.prepare(roots);
  const Unprepared at_end{rows_};
  for (const std::string& root : roots) realign(root, timestamp_ms, emit);
  return roots.size();
}

/// Of an account that did not change since it was matched last: its small row says it all, unless
/// rules mention a field since then that it lacks.
void AccountTerritories::realign(std::string_view root, int64_t timestamp_ms,
                                 const AssignmentRows::Emit& emit) {
  if (!index_.read(root, realignment_.generation(), image_)) return align(root, timestamp_ms, emit);
  rows_.align(root, assign(), epoch(), timestamp_ms, emit);
}

}  // namespace millrace::crm::territory
