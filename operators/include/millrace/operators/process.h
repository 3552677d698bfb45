#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/core/processor.h"
#include "millrace/operators/broadcast_table.h"
#include "millrace/operators/emit.h"
#include "millrace/operators/typed_store.h"
#include "millrace/operators/typed_timers.h"

namespace millrace {

/// Base of a user's processor with typed input and output; one object a task, single-threaded.
///
///     class Latest final : public mr::TypedProcessor<AccountId, crm::Event, AccountId, crm::Row> {
///       void on_start() override { rows_.emplace(store<AccountId, crm::Row>("rows")); }
///       void on_record(mr::Maybe<AccountId> key, mr::Maybe<crm::Event> event,
///                      const mr::Record& record) override { … emit()(*key, row); }
///       std::optional<mr::TypedStore<AccountId, crm::Row>> rows_;
///     };
///     stream.process("latest", [] { return std::make_unique<Latest>(); }, {.stores = {"rows"}});
///
/// `process` takes such a factory, a factory of plain `Processor`s (then with both output types:
/// `process<K2, V2>`), or a function like that of `flat_map`, which reaches stores through
/// `emit.context()`. Nulls reach a processor as they are; a function only those it takes as
/// `Maybe<T>`, others are dropped and counted "null_key" or "null_value".
template <class KIn, class VIn, class KOut, class VOut>
class TypedProcessor : public Processor {
 public:
  using InKey = KIn;
  using InValue = VIn;
  using OutKey = KOut;
  using OutValue = VOut;

  void init(ProcessorContext& context) final {
    Processor::init(context);
    raw_emit_.bind(context);
    on_start();
  }
  void process(const Record& record) final {
    raw_emit_.answer(record);
    on_record(Maybe<KIn>(record.key), Maybe<VIn>(record.value), record);
  }
  void on_timer(const Timer& timer) final {
    raw_emit_.answer_at(timer.time_ms);
    on_due(timer);
  }
  void on_change(const BroadcastChange& change) final {
    raw_emit_.answer_at(change.timestamp_ms);
    on_table_change(change);
  }
  void on_reset(std::string_view table) final {
    raw_emit_.answer_at(std::max<int64_t>(context().stream_time_ms(), 0));
    on_table_reset(table);
  }

 protected:
  /// Before the first record: look up stores, schedule punctuations.
  virtual void on_start() {}
  virtual void on_record(Maybe<KIn> key, Maybe<VIn> value, const Record& record) = 0;
  /// A timer is due; what this emits has the timer's time. See `Processor::on_timer`.
  virtual void on_due(const Timer& timer) { Processor::on_timer(timer); }

  /// A broadcast table has changed; what this emits has the change's time. See `Processor`.
  virtual void on_table_change(const BroadcastChange& /*change*/) {}
  virtual void on_table_reset(std::string_view /*table*/) {}

  Emit<KOut, VOut>& emit() { return emit_; }
  /// REQUIRES: the node declares `name`, with these types, among its stores.
  template <class K, class V>
  TypedStore<K, V> store(std::string_view name) {
    return TypedStore<K, V>(context().store(name));
  }
  /// REQUIRES: the node declares the table.
  template <class K, class V>
  TypedBroadcast<K, V> rows_of(const BroadcastTable<K, V>& table) {
    return TypedBroadcast<K, V>(context().broadcast(table.name()));
  }
  /// REQUIRES: the node declares `name` among its stores.
  template <class K>
  TypedTimers<K> timers(std::string_view name) {
    return TypedTimers<K>(context().timers(name));
  }
  /// Calls `callback(now_ms)` about every `interval_ms`; what it emits has the timestamp now_ms.
  void schedule(TimeKind kind, int64_t interval_ms, std::function<void(int64_t now_ms)> callback) {
    context().schedule(kind, interval_ms, [this, callback = std::move(callback)](int64_t now_ms) {
      raw_emit_.answer_at(now_ms);
      callback(now_ms);
    });
  }

 private:
  operators::RawEmit raw_emit_;
  std::string key_buffer_;
  std::string value_buffer_;
  Emit<KOut, VOut> emit_{raw_emit_, key_buffer_, value_buffer_};
};

}  // namespace millrace
