#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "millrace/core/processor.h"
#include "millrace/operators/broadcast_table.h"
#include "millrace/operators/detail/signature.h"
#include "millrace/operators/emit.h"
#include "millrace/operators/typed_store.h"
#include "millrace/operators/typed_timers.h"

namespace millrace::operators {

/// Whether inputs or outputs have different names.
template <class... Ports>
constexpr bool have_own_names() {
  std::array<std::string_view, sizeof...(Ports)> names{Ports::name()...};
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) == names.end();
}

/// An output of a processor, with buffers that it keeps between records.
template <class K, class V>
struct OutputPort {
  explicit OutputPort(const Record& answered) : raw(answered) {}
  RawEmit raw;
  std::string key_buffer;
  std::string value_buffer;
  Emit<K, V> emit{raw, key_buffer, value_buffer};
};

template <class Output>
struct SidePort : OutputPort<typename Output::Key, typename Output::Value> {
  using OutputPort<typename Output::Key, typename Output::Value>::OutputPort;
};

/// The common part of typed processors, whatever their inputs: outputs, stores, timers, tables.
///
/// The first children of the node are the side outputs, one each; the others are the main output's.
template <class KOut, class VOut, class... Outputs>
class ProcessorBase : public Processor {
  static_assert(have_own_names<Outputs...>(), "two side outputs of a processor have one name");

 public:
  using OutKey = KOut;
  using OutValue = VOut;
  using SideOutputs = TypeList<Outputs...>;

  void init(ProcessorContext& context) final {
    Processor::init(context);
    size_t child = 0;
    (std::get<SidePort<Outputs>>(sides_).raw.bind_to(context, child++), ...);
    main_.raw.bind(context, child);
    on_start();
  }
  void on_timer(const Timer& timer) final {
    answer_at(timer.time_ms);
    on_due(timer);
  }
  void on_change(const BroadcastChange& change) final {
    answer_at(change.timestamp_ms);
    on_table_change(change);
  }
  void on_deferred(const DeferredCall& call) final {
    answer_at(call.timestamp_ms);
    on_deferred_call(call);
  }
  void on_reset(std::string_view table) final {
    answer_at(std::max<int64_t>(context().stream_time_ms(), 0));
    on_table_reset(table);
  }

 protected:
  /// Before the first record: look up stores, schedule punctuations.
  virtual void on_start() {}
  /// A timer is due; records emitted here have the timer's time. See `Processor::on_timer`.
  virtual void on_due(const Timer& timer) { Processor::on_timer(timer); }

  /// Does what `context().defer` put off; records emitted here have the call's timestamp. See
  /// `Processor::on_deferred`.
  virtual void on_deferred_call(const DeferredCall& call) { Processor::on_deferred(call); }

  /// A broadcast table has changed; records emitted here have the change's time. See `Processor`.
  virtual void on_table_change(const BroadcastChange& /*change*/) {}
  virtual void on_table_reset(std::string_view /*table*/) {}

  Emit<KOut, VOut>& emit() { return main_.emit; }
  OutputPort<KOut, VOut>& main() { return main_; }
  /// To a side output.
  template <class Output>
  Emit<typename Output::Key, typename Output::Value>& emit() {
    constexpr bool kIsDeclared = (std::is_same_v<Output, Outputs> || ...);
    static_assert(kIsDeclared,
                  "the processor does not declare this side output: name it in the processor's "
                  "base, behind the types of the main output");
    if constexpr (kIsDeclared) {
      return std::get<SidePort<Output>>(sides_).emit;
    } else {
      std::abort();
    }
  }

  /// REQUIRES: the node declares `name`, with these types, among its stores.
  template <class K, class V>
  TypedStore<K, V> store(std::string_view name) {
    return TypedStore<K, V>(context().store(name));
  }
  /// REQUIRES: the node declares the stores of the versioned table `name`, with these types:
  /// `Table::stores()`.
  template <class K, class V>
  VersionedStore<K, V> versioned_store(std::string_view name) {
    return VersionedStore<K, V>(context().store(name),
                                context().store(operators::history_store(name)));
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
  /// Calls `callback(now_ms)` about every `interval_ms`; its records have the timestamp now_ms.
  ScheduleId schedule(TimeKind kind, int64_t interval_ms,
                      std::function<void(int64_t now_ms)> callback) {
    return context().schedule(kind, interval_ms,
                              [this, callback = std::move(callback)](int64_t now_ms) {
                                answer_at(now_ms);
                                callback(now_ms);
                              });
  }

  /// Records emitted from now on answer `record`.
  void answer(const Record& record) {
    answered_.timestamp_ms = record.timestamp_ms;
    answered_.headers = record.headers;
  }

 private:
  void answer_at(int64_t timestamp_ms) { answer({{}, {}, {}, timestamp_ms, {}}); }

  Record answered_;
  OutputPort<KOut, VOut> main_{answered_};
  std::tuple<SidePort<Outputs>...> sides_{(static_cast<void>(sizeof(Outputs)), answered_)...};
};

}  // namespace millrace::operators
