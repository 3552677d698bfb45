#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/operators/detail/processor_base.h"
#include "millrace/operators/ports.h"

namespace millrace {

/// Base of a user's processor with typed input and output; one object per task, single-threaded.
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
/// `emit.context()`. A processor gets nulls as they are. A function gets only those it takes as
/// `Maybe<T>`; records with others are dropped and counted "null_key" or "null_value".
///
/// `SideOutputs`: further outputs, each an `Output`, by which the processor forwards and from which
/// the topology continues. A record to a side output that no node reads is dropped.
///
///     using Rejected = mr::Output<"rejected", AccountId, std::string>;
///     class Checked final : public mr::TypedProcessor<…, …, AccountId, crm::Row, Rejected> {
///       … emit<Rejected>()(*key, "no name"); …
///     };
///     const auto checked = stream.process("checked", make_checked);
///     checked.to(kRows);
///     checked.output<Rejected>().to(kRejections);
template <class KIn, class VIn, class KOut, class VOut, class... SideOutputs>
class TypedProcessor : public operators::ProcessorBase<KOut, VOut, SideOutputs...> {
 public:
  using InKey = KIn;
  using InValue = VIn;

  void process(const Record& record) final {
    this->answer(record);
    on_record(Maybe<KIn>(record.key), Maybe<VIn>(record.value), record);
  }

 protected:
  /// `record.old_value` is the value that the record replaces, where the processor before gives it.
  virtual void on_record(Maybe<KIn> key, Maybe<VIn> value, const Record& record) = 0;
};

/// As `TypedProcessor`, for `Stream::process_values`: what it emits has the key of its input, so no
/// exchange is needed behind it. It emits only while it handles a record, because timers, deferred
/// work and punctuations have keys of their own: derive what emits there from `TypedProcessor`, and
/// say `keeps_key` in its `ProcessOptions` if it does.
///
///     class Numbered final : public mr::FixedKeyProcessor<AccountId, crm::Event, int64_t> {
///       void on_record(mr::Maybe<AccountId> key, mr::Maybe<crm::Event> event,
///                      mr::EmitValues<int64_t>& emit, const mr::Record&) override { emit(++n_); }
///       int64_t n_ = 0;
///     };
template <class K, class V, class VOut>
class FixedKeyProcessor : public operators::ProcessorBase<K, VOut> {
 public:
  using InKey = K;
  using InValue = V;
  static constexpr bool kKeepsKey = true;

  void process(const Record& record) final {
    this->answer(record);
    EmitValues<VOut> values(this->main().raw, record.key, this->main().value_buffer);
    on_record(Maybe<K>(record.key), Maybe<V>(record.value), values, record);
  }

 protected:
  virtual void on_record(Maybe<K> key, Maybe<V> value, EmitValues<VOut>& emit,
                         const Record& record) = 0;

 private:
  using operators::ProcessorBase<K, VOut>::emit;
};

namespace operators {

/// The part of a processor that handles one of its inputs.
template <class I>
class InputHandler {
 public:
  virtual void on_record(I input, Maybe<typename I::Key> key, Maybe<typename I::Value> value,
                         const Record& record) = 0;

 protected:
  ~InputHandler() = default;
};

}  // namespace operators

/// As `TypedProcessor`, with several inputs of different types. It overrides `on_record` once per
/// input; the first parameter tells the inputs apart.
///
///     using Orders = mr::Input<"orders", OrderId, Order>;
///     using Payments = mr::Input<"payments", OrderId, Payment>;
///     class Matching final
///         : public mr::MultiInputProcessor<mr::Inputs<Orders, Payments>, OrderId, Matched> {
///       void on_record(Orders, mr::Maybe<OrderId> id, mr::Maybe<Order> order,
///                      const mr::Record& record) override { … }
///       void on_record(Payments, mr::Maybe<OrderId> id, mr::Maybe<Payment> payment,
///                      const mr::Record& record) override { … }
///     };
///     builder.process("matching", [] { return std::make_unique<Matching>(); }, {},
///                     orders.as<Orders>(), payments.as<Payments>());
///
/// All inputs have the same partitions, like the sides of a join; the record with the lowest time
/// among their heads comes first.
template <class AllInputs, class KOut, class VOut, class... SideOutputs>
class MultiInputProcessor;

template <class... Is, class KOut, class VOut, class... SideOutputs>
class MultiInputProcessor<Inputs<Is...>, KOut, VOut, SideOutputs...>
    : public operators::ProcessorBase<KOut, VOut, SideOutputs...>,
      public operators::InputHandler<Is>... {
  static_assert(operators::have_own_names<Is...>(), "two inputs of a processor have one name");

 public:
  using AllInputs = Inputs<Is...>;

  void process(const Record& record) final {
    using Handle = void (*)(MultiInputProcessor&, const Record&);
    static constexpr std::array<Handle, sizeof...(Is)> kHandles{
        &MultiInputProcessor::handle<Is>...};
    this->answer(record);
    kHandles[inputs_.at(this->context().parent())](*this, record);
  }

  /// For `TopologyBuilder`: the number of the input that each parent of the node feeds.
  void set_inputs(std::vector<uint8_t> inputs) { inputs_ = std::move(inputs); }

 private:
  template <class I>
  static void handle(MultiInputProcessor& self, const Record& record) {
    static_cast<operators::InputHandler<I>&>(self).on_record(
        I(), Maybe<typename I::Key>(record.key), Maybe<typename I::Value>(record.value), record);
  }

  std::vector<uint8_t> inputs_;
};

}  // namespace millrace
