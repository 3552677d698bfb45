#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "millrace/core/invalid_record.h"
#include "millrace/operators/detail/windowed_bytes.h"
#include "millrace/operators/suppress/suppress_table.h"

#include "operators/suppress/held_order.h"
#include "operators/windows/window_rows.h"

namespace millrace::operators {
namespace {

/// How often changes are looked after that wait to be emitted when no record comes.
constexpr int64_t kDueIntervalMs = 100;
constexpr size_t kCountBytes = sizeof(int64_t);  // each of two

/// A change is a window that ends at its due time.
WindowLife life_of(const SuppressSpec& spec) {
  WindowLife life;
  if (spec.until_window_closes) {
    life.close_delay_ms = WindowLife::of(*spec.windows).close_delay_ms;
  } else {
    life.close_delay_ms = -1;  // at the due time, not only behind it
  }
  return life;
}

class Suppress final : public Processor {
 public:
  Suppress(std::string store, const SuppressSpec& spec)
      : name_(std::move(store)), spec_(spec), rows_(name_, life_of(spec), held_by_due()) {
    make_mark_key(Mark::kHeld, count_key_);
  }

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_.open(context);
    store_ = &context.store(name_);
    // One record may make more changes due than one unit should emit.
    context.schedule(TimeKind::kWall, kDueIntervalMs, [this](int64_t) {
      rows_.advance(-1);
      emit_due(0);
    });
  }

  void process(const Record& record) override {
    if (record.timestamp_ms < 0 || record.timestamp_ms > kEventTimeMaxMs) {
      throw InvalidRecord("the change's time lies before 1970 or too far ahead to be suppressed");
    }
    if (is_own_row(record.key)) throw InvalidRecord("a suppressed table cannot have the key");
    rows_.advance(record.timestamp_ms);
    hold(record);
    emit_due(record.timestamp_ms);
    make_room();
  }

  /// Emits a change that is due. In a call of its own: the code behind may fail.
  void on_deferred(const DeferredCall& call) override {
    rows_.advance(-1);
    if (!held_by_due().read_key(call.key, key_)) return;
    // Another change of the key may have taken its place.
    const Row row = rows_.get(key_);
    if (row && is_due(decode_held_change(row.value).due_ms)) emit(key_);
  }

 private:
  struct Count {
    int64_t records = 0;
    int64_t bytes = 0;
  };

  bool is_due(int64_t due_ms) const { return due_ms < rows_.closes_before_ms(); }

  int64_t due_of(const Record& record) const {
    return spec_.until_window_closes ? decode_windowed(record.key).end_ms
                                     : record.timestamp_ms + spec_.limit_ms;
  }

  void hold(const Record& record) {
    const Row row = rows_.get(record.key);
    if (row) {
      held_ = row.value.view();
      replace(record, decode_held_change(held_));
      return;
    }
    const int64_t due_ms = due_of(record);
    if (is_due(due_ms)) {
      context().forward(record);
      return;
    }
    encode_held_change({due_ms, record.old_value, record.value}, value_);
    rows_.put(record.key, value_, record.timestamp_ms, true);
    count(1, size_of(record.key, value_));
  }

  /// Puts the record into the place of the change of its key, `held`, whose bytes are in `held_`.
  void replace(const Record& record, const HeldChangeBytes& held) {
    if (held.emitted.is_null() && record.value.is_null()) {
      release(record.key);
      return;
    }
    encode_held_change({held.due_ms, held.emitted, record.value}, value_);
    rows_.put(record.key, value_, record.timestamp_ms, false);
    count(0, size_of(record.key, value_) - size_of(record.key, held_));
    if (!is_due(held.due_ms)) return;
    // It was not emitted yet, or the code behind failed when it was.
    held_by_due().make_key(record.key, value_, by_due_);
    context().defer(by_due_, record.timestamp_ms);
  }

  void emit_due(int64_t timestamp_ms) {
    rows_.close_some([&](Bytes by_due) { context().defer(by_due, timestamp_ms); });
  }

  /// Forwards the change of a key, if there is one; the key's bytes are not in the store.
  void emit(Bytes key) {
    const Row row = rows_.get(key);
    if (!row) return;
    held_ = row.value.view();
    const HeldChangeBytes change = decode_held_change(held_);
    Record out;
    out.key = key;
    out.value = change.value;
    out.old_value = change.emitted;
    out.timestamp_ms = row.timestamp_ms;
    release(key);
    context().forward(out);
  }

  /// Removes the change of a key, whose bytes are in `held_`.
  void release(Bytes key) {
    rows_.erase(key, held_);
    count(-1, -size_of(key, held_));
  }

  void make_room() {
    for (Count held = read_count(); is_full(held); held = read_count()) {
      const std::optional<std::string> first = rows_.first();
      if (!first) return;
      const std::optional<int64_t> due_ms = held_by_due().read_key(*first, key_);
      if (!due_ms) return;
      if (!is_due(*due_ms) && !spec_.buffer.emits_early) {
        throw std::runtime_error(fmt::format(
            "the suppressed table '{}' would hold back {} changes of {} bytes; the most are {} and "
            "{}",
            name_, held.records, held.bytes, spec_.buffer.records_max, spec_.buffer.bytes_max));
      }
      emit(key_);
    }
  }

  bool is_full(const Count& held) const {
    return held.records > spec_.buffer.records_max || held.bytes > spec_.buffer.bytes_max;
  }

  static int64_t size_of(Bytes key, const std::string& held) {
    return static_cast<int64_t>(key.size() + held.size());
  }

  Count read_count() {
    const Row row = store_->get(count_key_);
    // Anybody may have written it.
    if (!row || row.value.size() != 2 * kCountBytes) return {};
    const auto number_at = [&](size_t i) {
      const Bytes bytes(row.value.data() + i * kCountBytes, kCountBytes);
      return std::clamp<int64_t>(Serde<int64_t>::view(bytes), 0, INT64_MAX / 2);
    };
    return {number_at(0), number_at(1)};
  }

  void count(int64_t records, int64_t bytes) {
    Count held = read_count();
    held.records = std::max<int64_t>(held.records + records, 0);
    held.bytes = std::max<int64_t>(held.bytes + bytes, 0);
    count_.clear();
    Serde<int64_t>::encode(held.records, count_);
    Serde<int64_t>::encode(held.bytes, count_);
    store_->put(count_key_, count_, rows_.timestamp_ms());
  }

  const std::string name_;
  const SuppressSpec spec_;
  WindowRows rows_;
  KeyValueStore* store_ = nullptr;  ///< of `rows_`
  std::string count_key_;           ///< of the mark
  std::string count_;
  std::string key_;
  std::string by_due_;
  std::string held_;
  std::string value_;
};

}  // namespace

ProcessorFactory suppress(std::string store, SuppressSpec spec) {
  return [=] { return std::make_unique<Suppress>(store, spec); };
}

}  // namespace millrace::operators
