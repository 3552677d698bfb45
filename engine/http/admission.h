#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace millrace::engine {

/// How many connections a server holds. Thread-safe.
class Admission {
 public:
  struct Limits {
    int connections_max = 0;
    int per_address_max = 0;
    int reserved_max = 0;  ///< beyond `connections_max`; an address gets half of them at most
  };
  enum class Entry : unsigned char {
    kOpen,
    kReserved,          ///< one of the reserve, for vital requests
    kNoneLeft,          ///< the reserve is taken too
    kNoneLeftOfAddress  ///< the address has its share of the reserve
  };
  /// A place, given back when this is destroyed. The admission must outlive it.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept { *this = std::move(other); }
    Place& operator=(Place&& other) noexcept;
    ~Place() { give_back(); }

    Entry entry() const { return entry_; }
    bool is_taken() const { return admission_ != nullptr; }

   private:
    friend class Admission;
    Place(Admission* admission, Entry entry, std::string address)
        : admission_(admission), entry_(entry), address_(std::move(address)) {}
    void give_back();

    Admission* admission_ = nullptr;  ///< null: it has no place
    Entry entry_ = Entry::kNoneLeft;
    std::string address_;
  };

  explicit Admission(Limits limits) : limits_(limits) {}

  Place enter(const std::string& address);
  int connections() const;

 private:
  struct Counts {
    int open = 0;
    int reserved = 0;
  };
  Entry entry_for(const Counts& of_address) const;
  void leave(Entry entry, const std::string& address);

  const Limits limits_;
  mutable std::mutex mutex_;
  Counts all_;
  std::map<std::string, Counts> by_address_;
};

/// Lets so many in at a time. Thread-safe; places may outlive it.
class Turnstile {
 public:
  explicit Turnstile(int places_max) : places_max_(places_max) {}

  /// A place, given back with its last copy; null: all are taken.
  std::shared_ptr<void> enter() const {
    const std::shared_ptr<std::atomic<int>> taken = taken_;
    if (taken->fetch_add(1) < places_max_) {
      return {taken.get(), [taken](std::atomic<int>* count) { count->fetch_sub(1); }};
    }
    taken->fetch_sub(1);
    return nullptr;
  }
  /// How many are in.
  int taken() const { return std::min(taken_->load(), places_max_); }

 private:
  const int places_max_;
  const std::shared_ptr<std::atomic<int>> taken_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace millrace::engine
