#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// When entitlements change next: of each key at most one moment. What is set stays set through
/// restarts, and what is due fires earliest first, after downtime too.
class ChangeTimers {
 public:
  virtual ~ChangeTimers() = default;
  /// The clock that decides what is due.
  virtual int64_t now_ms() const = 0;
  /// Replaces the key's moment. REQUIRES: `at_ms` >= 0.
  virtual void set(Bytes key, int64_t at_ms) = 0;
  virtual void cancel(Bytes key) = 0;
};

/// Makes the timers of one task; `on_due` is called with what was set, which is taken away before.
using OnDue = std::function<void(std::string_view key, int64_t at_ms)>;
using ChangeTimersFactory =
    std::function<std::unique_ptr<ChangeTimers>(ProcessorContext& context, OnDue on_due)>;

/// Timers in `store`, looked at once a second of wall time: due ones are the first rows, so their
/// number costs disk, not memory. At most `kFiringsMax` fire in one turn.
ChangeTimersFactory polled_timers(std::string store);

}  // namespace millrace::crm
