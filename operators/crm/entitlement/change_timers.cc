#include "crm/entitlement/change_timers.h"

#include <utility>

#include "millrace/core/assert.h"
#include "millrace/core/serde.h"

namespace millrace::crm {
namespace {

constexpr int64_t kPollMs = 1'000;
constexpr int kFiringsMax = 1'000;

// Rows by moment say what fires when; rows by key, at which moment to find the other row.
constexpr char kByMoment = 'm';
constexpr char kByKey = 'k';

std::string by_moment(int64_t at_ms, std::string_view key) {
  std::string row(1, kByMoment);
  Serde<int64_t>::encode(at_ms, row);  // big-endian: in the order of time
  return row.append(key);
}
std::string by_key(std::string_view key) {
  return std::string(1, kByKey).append(key);
}

class PolledTimers final : public ChangeTimers {
 public:
  PolledTimers(ProcessorContext& context, KeyValueStore& rows, OnDue on_due)
      : context_(context), rows_(rows), on_due_(std::move(on_due)) {
    context.schedule(TimeKind::kWall, kPollMs, [this](int64_t now_ms) { fire(now_ms); });
  }

  int64_t now_ms() const override { return context_.wall_time_ms(); }

  void set(Bytes key, int64_t at_ms) override {
    MILLRACE_ASSERT(at_ms >= 0, "a timer before 1970 would not sort");
    cancel(key);
    std::string moment;
    Serde<int64_t>::encode(at_ms, moment);
    rows_.put(by_key(key.view()), moment, at_ms);
    rows_.put(by_moment(at_ms, key.view()), "", at_ms);
  }

  void cancel(Bytes key) override {
    const Row set = rows_.get(by_key(key.view()));
    if (!set) return;
    const int64_t at_ms = Serde<int64_t>::view(set.value);
    rows_.erase(by_key(key.view()), at_ms);
    rows_.erase(by_moment(at_ms, key.view()), at_ms);
  }

 private:
  void fire(int64_t now_ms) {
    for (int fired = 0; fired < kFiringsMax; ++fired) {
      std::string due;
      {
        const auto first = rows_.range(std::string(1, kByMoment), by_moment(now_ms + 1, ""));
        if (!first->valid()) return;
        due = first->key().to_string();
      }
      const int64_t at_ms = Serde<int64_t>::view(Bytes(due.data() + 1, sizeof(int64_t)));
      const std::string key = due.substr(1 + sizeof(int64_t));
      cancel(key);
      on_due_(key, at_ms);
    }
  }

  ProcessorContext& context_;
  KeyValueStore& rows_;
  OnDue on_due_;
};

}  // namespace

ChangeTimersFactory polled_timers(std::string store) {
  return [store = std::move(store)](ProcessorContext& context, OnDue on_due) {
    return std::make_unique<PolledTimers>(context, context.store(store), std::move(on_due));
  };
}

}  // namespace millrace::crm
