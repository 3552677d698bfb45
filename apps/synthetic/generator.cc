#include "apps/synthetic/generator.h"

#include <algorithm>
#include <utility>

#include "millrace/core/assert.h"

namespace millrace::apps::synthetic {
namespace {

using crm::ChangeType;
using crm::MergeFactKind;

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;
constexpr int64_t kQuarterDays = 90;
/// A day has 50,000 operations.
constexpr int64_t kOrdinaryPauseMaxMs = 2 * kDayMs / 50'000;
constexpr int64_t kBulkPauseMaxMs = 2;

/// Of an ordinary day's operations, in a hundred thousand; what is left are definitions.
constexpr uint64_t kOperations = 100'000;
constexpr uint64_t kChildUpdates = 52'000;
constexpr uint64_t kAccountUpdates = 30'000;
constexpr uint64_t kCreates = 14'000;
constexpr uint64_t kDeletes = 2'500;
constexpr uint64_t kMerges = 1'000;
constexpr uint64_t kUnmerges = 50;
constexpr uint64_t kGaps = 100;

int64_t quarter_end_day(int64_t start_ms) {
  return start_ms / kDayMs + kQuarterDays;
}

}  // namespace

Generator::Generator(const GeneratorOptions& options)
    : options_(options),
      population_(scrambled(options.seed)),
      territories_(options.profile),
      values_(options.profile, population_, quarter_end_day(options.start_ms)),
      random_(options.seed),
      now_ms_(options.start_ms) {}

void Generator::run(Phase phase, const EventSink& sink) {
  MILLRACE_ASSERT(phases_ > 0 || phase == Phase::kBackfill, "nothing is there before a backfill");
  ++phases_;
  sink_ = &sink;
  is_bulk_ = phase != Phase::kSteady;
  switch (phase) {
    case Phase::kBackfill:
      backfill();
      break;
    case Phase::kSteady:
      steady();
      break;
    case Phase::kBulkImport:
      bulk_import();
      break;
    case Phase::kQuarterEnd:
      quarter_end();
      break;
    case Phase::kBulkDedupe:
      bulk_dedupe();
      break;
    case Phase::kRealignment:
      realignment();
      break;
  }
  sink_ = nullptr;
}

void Generator::backfill() {
  for (Definition& definition : territories_.initial(random_)) emit({std::move(definition)});
  create_batch(population_.add_batch(options_.profile.accounts));
  emit({territories_.model(now_ms_)});
}

void Generator::steady() {
  for (uint64_t i = 0; i < options_.profile.operations; ++i) change_anything();
}

void Generator::bulk_import() {
  const uint64_t accounts = std::max<uint64_t>(options_.profile.accounts / 5, 1);
  const Population::Batch batch = population_.add_batch(accounts);
  const Population::Range& added = batch[static_cast<size_t>(Kind::kAccount)];
  for (uint64_t account = added.first; account < added.end; ++account) {
    if (!random_.permille(100)) continue;
    const uint64_t survivor = random_.below(added.first);
    begin_transaction(1);
    population_.merge(account, survivor);
    (*sink_)(MergeChange{MergeFactKind::Merge, account, survivor, next_version()});
  }
  create_batch(batch);
}

void Generator::quarter_end() {
  const int64_t midnight_ms = (values_.quarter_end_day() + 1) * kDayMs;
  now_ms_ = std::max(now_ms_, midnight_ms - 2 * kHourMs);
  end_deals();
  renew(Kind::kContract);
  renew(Kind::kContractLine);
  now_ms_ = std::max(now_ms_, midnight_ms);
  for (const Kind kind : {Kind::kSubscription, Kind::kAsset, Kind::kEntitlement}) renew(kind);
}

void Generator::bulk_dedupe() {
  const uint64_t merges = std::max<uint64_t>(options_.profile.accounts / 10, 2);
  for (uint64_t done = 0; done < merges;) {
    const uint64_t survivor = pick(Kind::kAccount);
    for (uint64_t group = 1 + random_.below(5); group > 0; --group, ++done) {
      merge_account_with_child(survivor);
    }
    if (random_.permille(50)) close_cycle();
    if (random_.permille(50)) unmerge();
  }
}

void Generator::realignment() {
  const uint64_t changes = std::max<uint64_t>(options_.profile.rules / 10, 2);
  for (uint64_t i = 0; i < changes; ++i) {
    emit({territories_.changed_rule(random_)});
    if (random_.permille(200)) emit({territories_.moved_territory(random_)});
    if (random_.permille(300)) emit(territories_.changed_association(random_));
    if (random_.permille(300)) {
      emit(territories_.changed_choice(random_, pick(Kind::kAccount)));
    }
    for (uint64_t updates = random_.below(6); updates > 0; --updates) update(Kind::kAccount);
  }
  emit({territories_.model(now_ms_)});
}

void Generator::begin_transaction(int64_t ms_later) {
  now_ms_ += ms_later;
  sequence_ = 0;
  ++transactions_;
  transaction_ = scrambled(static_cast<uint64_t>(transactions_));
}

EventVersion Generator::next_version() {
  return {now_ms_, ++sequence_, transaction_};
}

void Generator::emit(Kind kind, uint64_t number, ChangeType type, std::vector<FieldText> fields) {
  (*sink_)(RecordChange{kind, number, type, next_version(), std::move(fields)});
}

void Generator::emit(DefinitionChange change) {
  change.commit_ms = now_ms_;
  (*sink_)(std::move(change));
}

void Generator::create_batch(const Population::Batch& batch) {
  for (size_t i = 0; i < kKinds; ++i) {
    const Kind kind = static_cast<Kind>(i);
    for (uint64_t number = batch[i].first; number < batch[i].end; ++number) {
      begin_transaction(pause_ms());
      emit(kind, number, ChangeType::Create, values_.all(random_, kind, number));
    }
  }
}

void Generator::change_anything() {
  uint64_t dice = random_.below(kOperations);
  const auto is_in = [&dice](uint64_t share) {
    if (dice < share) return true;
    dice -= share;
    return false;
  };
  if (is_in(kChildUpdates)) return update(pick_child_kind());
  if (is_in(kAccountUpdates)) return update(Kind::kAccount);
  if (is_in(kCreates)) return create();
  if (is_in(kDeletes)) return remove();
  if (is_in(kMerges)) return merge();
  if (is_in(kUnmerges)) return unmerge();
  if (is_in(kGaps)) return lose_track();
  change_definition();
}

void Generator::update(Kind kind) {
  constexpr int kTries = 4;
  uint64_t number = pick(kind);
  for (int i = 0; i < kTries && population_.is_deleted(kind, number); ++i) number = pick(kind);
  std::vector<FieldText> fields = values_.some(random_, kind, number);
  if (kind != Kind::kAccount && random_.permille(30)) {
    population_.move(kind, number, pick(Kind::kAccount));
    fields.insert(fields.begin(), values_.parent(kind, number));
  }
  begin_transaction(pause_ms());
  emit(kind, number, ChangeType::Update, std::move(fields));
}

void Generator::create() {
  if (random_.permille(50) && undelete(pick_child_kind())) return;
  const Kind kind = random_.permille(100) ? Kind::kAccount : pick_child_kind();
  if (kind == Kind::kAccount && random_.permille(200) && undelete(kind)) return;
  const uint64_t account = pick(Kind::kAccount);
  std::optional<uint64_t> within;
  if (const auto container = container_of(kind); container && random_.permille(700)) {
    within = pick(*container);
  }
  // The record that it belongs to is mostly under the same account.
  const bool follows = within && random_.permille(900);
  const uint64_t parent = follows ? population_.account_of(*container_of(kind), *within) : account;
  const uint64_t number = population_.create(kind, parent, within);
  begin_transaction(pause_ms());
  emit(kind, number, ChangeType::Create, values_.all(random_, kind, number));
}

bool Generator::undelete(Kind kind) {
  constexpr int kTries = 30;
  for (int i = 0; i < kTries; ++i) {
    const uint64_t number = random_.below(population_.count(kind));
    if (!population_.is_deleted(kind, number)) continue;
    population_.set_deleted(kind, number, false);
    begin_transaction(pause_ms());
    emit(kind, number, ChangeType::Undelete, values_.all(random_, kind, number));
    return true;
  }
  return false;
}

void Generator::remove() {
  const Kind kind = random_.permille(100) ? Kind::kAccount : pick_child_kind();
  const uint64_t number = random_.below(population_.count(kind));
  population_.set_deleted(kind, number, true);
  begin_transaction(pause_ms());
  emit(kind, number, ChangeType::Delete);
}

void Generator::merge() {
  if (random_.permille(30)) return close_cycle();
  constexpr int kTries = 8;
  for (int i = 0; i < kTries; ++i) {
    if (merge_account_with_child(pick(Kind::kAccount))) return;
  }
}

bool Generator::merge_account_with_child(uint64_t survivor) {
  const Kind kind = pick_child_kind();
  const uint64_t child = random_.below(population_.count(kind));
  const uint64_t victim = population_.account_of(kind, child);
  if (victim == survivor || (population_.is_victim(victim) && !random_.permille(50))) return false;
  merge(victim, survivor, kind, child);
  return true;
}

void Generator::merge(uint64_t victim, uint64_t survivor, Kind kind, uint64_t child) {
  begin_transaction(1 + pause_ms());
  population_.merge(victim, survivor);
  (*sink_)(MergeChange{MergeFactKind::Merge, victim, survivor, next_version()});
  // A source that tells merges by facts alone leaves the victim's record as it is.
  if (random_.permille(600)) {
    population_.set_deleted(Kind::kAccount, victim, true);
    emit(Kind::kAccount, victim, ChangeType::Delete);
    emit(Kind::kAccount, survivor, ChangeType::Update,
         values_.some(random_, Kind::kAccount, survivor));
    population_.move(kind, child, survivor);
    emit(kind, child, ChangeType::Update, {values_.parent(kind, child)});
  }
  now_ms_ += 1;  // nothing else has this time
}

void Generator::close_cycle() {
  if (population_.victims().empty()) return;
  const uint64_t victim = random_.one_of(population_.victims());
  if (!population_.is_victim(victim)) return;
  const uint64_t survivor = population_.survivor_of(victim);
  begin_transaction(1 + pause_ms());
  population_.merge(survivor, victim);
  (*sink_)(MergeChange{MergeFactKind::Merge, survivor, victim, next_version()});
  now_ms_ += 1;
}

void Generator::unmerge() {
  if (population_.victims().empty()) return;
  const uint64_t victim = random_.one_of(population_.victims());
  if (!population_.is_victim(victim)) return;
  begin_transaction(1 + pause_ms());
  const MergeFactKind kind = random_.permille(200) ? MergeFactKind::Split : MergeFactKind::Unmerge;
  (*sink_)(MergeChange{kind, victim, population_.survivor_of(victim), next_version()});
  population_.unmerge(victim);
  if (population_.is_deleted(Kind::kAccount, victim)) {
    population_.set_deleted(Kind::kAccount, victim, false);
    emit(Kind::kAccount, victim, ChangeType::Undelete,
         values_.all(random_, Kind::kAccount, victim));
  }
  now_ms_ += 1;
}

void Generator::lose_track() {
  const Kind kind = random_.permille(500) ? Kind::kAccount : pick_child_kind();
  begin_transaction(pause_ms());
  emit(kind, pick(kind), ChangeType::Gap);
}

void Generator::change_definition() {
  now_ms_ += pause_ms();
  switch (random_.below(4)) {
    case 0:
      return emit({territories_.changed_rule(random_)});
    case 1:
      return emit({territories_.changed_product(random_)});
    case 2:
      return emit(territories_.changed_association(random_));
    default:
      return emit(territories_.changed_choice(random_, pick(Kind::kAccount)));
  }
}

void Generator::end_deals() {
  for (uint64_t number = 0; number < population_.count(Kind::kOpportunity); ++number) {
    if (!random_.permille(200)) continue;
    begin_transaction(pause_ms());
    emit(Kind::kOpportunity, number, ChangeType::Update,
         {{&field_of(Kind::kOpportunity, "stage"), "Closed Won"}});
  }
}

void Generator::renew(Kind kind) {
  for (uint64_t number = 0; number < population_.count(kind); ++number) {
    if (!Values::ends_with_quarter(kind, number) || !random_.permille(500)) continue;
    begin_transaction(pause_ms());
    emit(kind, number, ChangeType::Update,
         {values_.end_date(kind, values_.quarter_end_day() + 365)});
  }
}

uint64_t Generator::pick(Kind kind) {
  constexpr uint64_t kPrime = 2'654'435'761;  // larger than any count, so ranks map one to one
  const uint64_t count = population_.count(kind);
  return Zipf(count).draw(random_) * kPrime % count;
}

Kind Generator::pick_child_kind() {
  constexpr uint64_t kChildrenPerThousand = 10'300;
  uint64_t dice = random_.below(kChildrenPerThousand);
  for (size_t i = 1; i < kKinds; ++i) {
    const Kind kind = static_cast<Kind>(i);
    const uint64_t share = definition_of(kind).per_thousand_accounts;
    if (dice < share) return kind;
    dice -= share;
  }
  return Kind::kContact;
}

int64_t Generator::pause_ms() {
  return random_.between(0, is_bulk_ ? kBulkPauseMaxMs : kOrdinaryPauseMaxMs);
}

}  // namespace millrace::apps::synthetic
