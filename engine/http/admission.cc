#include "engine/http/admission.h"

namespace millrace::engine {

Admission::Place& Admission::Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  admission_ = std::exchange(other.admission_, nullptr);
  entry_ = other.entry_;
  address_ = std::move(other.address_);
  return *this;
}

void Admission::Place::give_back() {
  if (admission_ != nullptr) std::exchange(admission_, nullptr)->leave(entry_, address_);
}

Admission::Entry Admission::entry_for(const Counts& of_address) const {
  const bool has_room = all_.open < limits_.connections_max;
  if (has_room && of_address.open < limits_.per_address_max) return Entry::kOpen;
  if (all_.reserved >= limits_.reserved_max) return Entry::kNoneLeft;
  const int share = (limits_.reserved_max + 1) / 2;
  return of_address.reserved < share ? Entry::kReserved : Entry::kNoneLeftOfAddress;
}

Admission::Place Admission::enter(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto known = by_address_.find(address);
  const Entry entry = entry_for(known == by_address_.end() ? Counts() : known->second);
  if (entry != Entry::kOpen && entry != Entry::kReserved) return {nullptr, entry, {}};
  const auto count = entry == Entry::kOpen ? &Counts::open : &Counts::reserved;
  ++(all_.*count);
  ++(by_address_[address].*count);
  return {this, entry, address};
}

void Admission::leave(Entry entry, const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto count = entry == Entry::kOpen ? &Counts::open : &Counts::reserved;
  --(all_.*count);
  const auto known = by_address_.find(address);
  --(known->second.*count);
  if (known->second.open == 0 && known->second.reserved == 0) by_address_.erase(known);
}

int Admission::connections() const {
  const std::lock_guard lock(mutex_);
  return all_.open + all_.reserved;
}

}  // namespace millrace::engine
