#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>

#include "millrace/core/timers.h"
#include "millrace/operators/detail/encoded.h"

namespace millrace {

/// A task's timers with keys `K`, given as in `TypedStore`. The kind is a number or an enumerator
/// of the user's, one byte.
///
///     enum class Due : uint8_t { kStarts, kEnds };
///     timers_->set(grant, Due::kEnds, ends_ms);
///
/// See `Timers` for what they promise.
template <class K>
class TypedTimers {
 public:
  explicit TypedTimers(Timers& timers) : timers_(&timers) {}

  template <class Key, class Kind>
  void set(const Key& key, Kind kind, int64_t time_ms) {
    timers_->set(operators::key_bytes<K>(key, key_), byte_of(kind), time_ms);
  }
  template <class Key, class Kind>
  bool cancel(const Key& key, Kind kind) {
    return timers_->cancel(operators::key_bytes<K>(key, key_), byte_of(kind));
  }
  template <class Key, class Kind>
  std::optional<int64_t> find(const Key& key, Kind kind) {
    return timers_->find(operators::key_bytes<K>(key, key_), byte_of(kind));
  }
  int64_t now_ms() const { return timers_->now_ms(); }

 private:
  template <class Kind>
  static uint8_t byte_of(Kind kind) {
    if constexpr (std::is_enum_v<Kind>) {
      static_assert(sizeof(Kind) == 1, "a timer's kind is an enumeration of one byte");
      return static_cast<uint8_t>(kind);
    } else if constexpr (std::integral<Kind>) {
      MILLRACE_ASSERT(kind >= 0 && static_cast<uint64_t>(kind) <= UINT8_MAX,
                      "a timer's kind is one byte");
      return static_cast<uint8_t>(kind);
    } else {
      static_assert(std::integral<Kind>, "a timer's kind is a number or an enumerator");
      return 0;
    }
  }
  Timers* timers_;
  std::string key_;
};

}  // namespace millrace
