#pragma once

#include <array>
#include <string>
#include <type_traits>
#include <utility>

#include "millrace/operators/detail/processor_maker.h"
#include "millrace/operators/detail/refused.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/process.h"
#include "millrace/operators/stream.h"

namespace millrace {

/// The main output of a processor, and its side outputs.
template <class K, class V, class... SideOutputs>
class ProcessedStream : public Stream<K, V> {
 public:
  using Sides = std::array<operators::StreamCore, sizeof...(SideOutputs)>;
  ProcessedStream(operators::StreamCore main, Sides sides)
      : Stream<K, V>(std::move(main)), sides_(std::move(sides)) {}

  /// The stream of records that the processor forwards to `Output`.
  template <class Output>
  auto output() const {
    constexpr bool kIsDeclared = (std::is_same_v<Output, SideOutputs> || ...);
    static_assert(kIsDeclared, "the processor does not declare this side output");
    if constexpr (kIsDeclared) {
      constexpr size_t kNumber = operators::number_of<Output>(Inputs<SideOutputs...>());
      return Stream<typename Output::Key, typename Output::Value>(sides_[kNumber]);
    } else {
      return operators::Refused();
    }
  }

 private:
  Sides sides_;
};

namespace operators {

/// The handle of a processor that was just added.
template <class K, class V, class... SideOutputs>
auto processed_as(StreamCore core, TypeList<SideOutputs...>) {
  if constexpr (sizeof...(SideOutputs) == 0) {
    return Stream<K, V>(std::move(core));
  } else {
    // Braces, so that they are added in this order.
    typename ProcessedStream<K, V, SideOutputs...>::Sides sides{
        core.side_output(SideOutputs::name())...};
    return ProcessedStream<K, V, SideOutputs...>(std::move(core), std::move(sides));
  }
}

template <class Made>
auto processed(StreamCore core) {
  return processed_as<typename Made::OutKey, typename Made::OutValue>(std::move(core),
                                                                      typename Made::SideOutputs());
}

}  // namespace operators

template <class K, class V>
template <class NewKey, class NewValue, class F>
auto Stream<K, V>::process(std::string name, F factory, ProcessOptions options) const {
  using Made = operators::ProcessorMaker<K, V, NewKey, NewValue, F>;
  if constexpr (Made::is_right()) {
    return operators::processed<Made>(operators::add_processor(
        core_, std::move(name), Made::make(std::move(factory)), std::move(options)));
  } else {
    return operators::Refused();
  }
}

template <class K, class V>
template <class NewValue, class F>
auto Stream<K, V>::process_values(std::string name, F factory, ProcessOptions options) const {
  using Made = operators::ValueProcessorMaker<K, V, NewValue, F>;
  if constexpr (Made::is_right()) {
    options.keeps_key = true;
    return Stream<K, typename Made::OutValue>(operators::add_processor(
        core_, std::move(name), Made::make(std::move(factory)), std::move(options)));
  } else {
    return operators::Refused();
  }
}

}  // namespace millrace
