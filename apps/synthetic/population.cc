#include "apps/synthetic/population.h"

#include "millrace/core/assert.h"

namespace millrace::apps::synthetic {

std::optional<Kind> container_of(Kind kind) {
  switch (kind) {
    case Kind::kContractLine:
    case Kind::kSubscription:
      return Kind::kContract;
    case Kind::kEntitlement:
      return Kind::kAsset;
    default:
      return std::nullopt;
  }
}

Population::Batch Population::add_batch(uint64_t accounts) {
  Batch batch{};
  for (size_t i = 0; i < kKinds; ++i) {
    const uint64_t share = definition_of(static_cast<Kind>(i)).per_thousand_accounts;
    const uint64_t first = deleted_[i].size();
    batch[i] = {first, first + accounts * share / 1000};
    deleted_[i].resize(batch[i].end);
  }
  batches_.push_back(batch);
  return batch;
}

uint64_t Population::create(Kind kind, uint64_t account, std::optional<uint64_t> within) {
  const uint64_t number = count(kind);
  deleted_[index(kind)].push_back(false);
  if (kind != Kind::kAccount) places_[index(kind)][number] = {account, within};
  return number;
}

Population::Place Population::place_of(Kind kind, uint64_t number) const {
  const auto& places = places_[index(kind)];
  const auto found = places.find(number);
  return found == places.end() ? birth_place(kind, number) : found->second;
}

Population::Place Population::birth_place(Kind kind, uint64_t number) const {
  if (kind == Kind::kAccount) return {number};
  const Batch* batch = nullptr;
  for (const Batch& each : batches_) {
    const Range& range = each[index(kind)];
    if (number >= range.first && number < range.end) batch = &each;
  }
  MILLRACE_ASSERT(batch != nullptr, "a record that nobody created");
  constexpr int kKindBits = 56;
  Random random(scrambled(seed_ ^ (static_cast<uint64_t>(kind) << kKindBits) ^ number));
  const Range& accounts = (*batch)[index(Kind::kAccount)];
  const uint64_t anywhere = accounts.first + random.below(accounts.size());
  const std::optional<Kind> container = container_of(kind);
  const Range containers = container ? (*batch)[index(*container)] : Range{};
  // Lines always have a contract, the others often; some are under another account than it.
  const uint64_t contained = kind == Kind::kContractLine ? 1000 : 450;
  if (containers.size() > 0 && random.permille(contained)) {
    const uint64_t within = containers.first + random.below(containers.size());
    const bool elsewhere = random.permille(50);
    return {elsewhere ? anywhere : birth_place(*container, within).account, within};
  }
  if (!random.permille(200)) return {anywhere};
  return {accounts.first + Zipf(accounts.size()).draw(random)};
}

void Population::move(Kind kind, uint64_t number, uint64_t account) {
  const Place place = place_of(kind, number);
  places_[index(kind)][number] = {account, place.within};
}

void Population::merge(uint64_t victim, uint64_t survivor) {
  survivors_[victim] = survivor;
  victims_.push_back(victim);
}

void Population::unmerge(uint64_t victim) {
  survivors_.erase(victim);
}

}  // namespace millrace::apps::synthetic
