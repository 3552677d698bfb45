#include "crm/territory/account_territories.h"

#include <string>
#include <utility>

#include "crm/model/number_text.h"

namespace millrace::crm::territory {
namespace {

constexpr std::string_view kVersionKey = "w";
constexpr std::string_view kTypesKey = "y";

}  // namespace

AccountTerritories::AccountTerritories(Stores stores, AccountSource& accounts, FieldTypes types)
    : stores_(stores),
      accounts_(accounts),
      types_(types.fingerprint()),
      rules_(std::move(types)),
      index_(stores.index),
      rows_(stores.rows),
      realignment_(stores.index, rules_) {}

uint64_t AccountTerritories::stored_version() const {
  const Row row = stores_.index.get(kVersionKey);
  return row ? number_in(row.value.view()).value_or(0) : 0;
}

Status AccountTerritories::check_index_row(Bytes key, Bytes value) {
  if (value.is_null()) return {};
  if (key == Bytes(kVersionKey) && !number_in(value.view())) {
    return Error{ErrorCode::kInvalidRecord, "the version of rules is no number"};
  }
  MILLRACE_RETURN_IF_ERROR(AccountIndex::check_row(key, value));
  return Realignment::check_row(key, value);
}

void AccountTerritories::store_version(uint64_t version, int64_t timestamp_ms) {
  rules_version_ = version;
  if (version == stored_version()) return;
  stores_.index.put(kVersionKey, std::to_string(version), timestamp_ms);
}

std::vector<RuleProblem> AccountTerritories::load(uint64_t version,
                                                  std::span<const RuleSetChange> definitions,
                                                  int64_t timestamp_ms) {
  RuleSetOutcome outcome = rules_.apply(definitions);
  const Row types = stores_.index.get(kTypesKey);
  const bool has_other_types = (types ? types.value.view() : std::string_view()) != types_;
  if (has_other_types) stores_.index.put(kTypesKey, types_, timestamp_ms);
  if (has_other_types || version != stored_version()) {
    outcome.affected.all = true;
    realignment_.start(outcome.affected, timestamp_ms);
  }
  store_version(version, timestamp_ms);
  return std::move(outcome.problems);
}

std::vector<RuleProblem> AccountTerritories::change(uint64_t version,
                                                    std::span<const RuleSetChange> changes,
                                                    int64_t timestamp_ms) {
  const uint64_t stored = stored_version();
  if (version <= stored) return {};
  const bool went_back = stored != rules_version_;
  RuleSetOutcome outcome = rules_.apply(changes);
  outcome.affected.all = outcome.affected.all || went_back;
  realignment_.start(outcome.affected, timestamp_ms);
  store_version(version, timestamp_ms);
  return std::move(outcome.problems);
}

void AccountTerritories::doubt_all(int64_t timestamp_ms) {
  AffectedAccounts affected;
  affected.all = true;
  realignment_.start(affected, timestamp_ms);
}

void AccountTerritories::align(std::string_view root, int64_t timestamp_ms,
                               const AssignmentRows::Emit& emit) {
  image_.fields.clear();
  image_.choices = {};
  std::vector<Assignment> assigned;
  incomparable_ = 0;
  if (accounts_.read(root, image_)) {
    const PersonalChoices& choices = image_.choices;
    index_.put(root, image_.fields, choices.manual, rules_.rules(), timestamp_ms);
    assigned = assignments(rules_, matcher_.match(image_.fields, choices.excluded), choices);
    incomparable_ = matcher_.incomparable();
  } else {
    index_.erase(root, timestamp_ms);
  }
  rows_.align(root, assigned, epoch(), timestamp_ms, emit);
}

size_t AccountTerritories::run_slice(size_t accounts_max, int64_t timestamp_ms,
                                     const AssignmentRows::Emit& emit) {
  const auto roots = realignment_.next_slice(accounts_max, timestamp_ms);
  for (const std::string& root : roots) align(root, timestamp_ms, emit);
  return roots.size();
}

}  // namespace millrace::crm::territory
