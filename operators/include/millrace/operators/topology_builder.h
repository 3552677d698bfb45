#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "millrace/core/topic.h"
#include "millrace/operators/broadcast_table.h"
#include "millrace/operators/detail/refused.h"
#include "millrace/operators/detail/topology_draft.h"
#include "millrace/operators/processed_stream.h"
#include "millrace/operators/stream.h"
#include "millrace/operators/table.h"

namespace millrace {

/// Starts every topology: names its sources and stores, and checks it at the end.
///
///     mr::TopologyBuilder builder{"activity-summaries"};
///     const auto accounts = builder.table(kAccounts);
///     builder.stream(kActivities).filter(is_final).join(accounts)
///            .aggregate("activity-totals", add_activity).to(kSummaries);
///     mr::Result<mr::Topology> topology = std::move(builder).build();
///
/// Use streams and tables made from it only until `build`.
class TopologyBuilder {
 public:
  explicit TopologyBuilder(std::string name)
      : draft_(std::make_unique<operators::TopologyDraft>(std::move(name))) {}

  /// Records of a topic. Several calls for one topic, and `table`, give streams of one source: each
  /// record goes to all of them, in the order in which operators were added. Options and event time
  /// are those of the first call; a later one that gives some, or other types, is a fault that
  /// `build` reports.
  template <class K, class V>
  Stream<K, V> stream(Topic<K, V> topic, std::type_identity_t<SourceOptions<V>> options = {}) {
    return source(topic, {}, std::move(options));
  }
  /// `event_time` takes (key, value) or (value) and returns ms since 1970-01-01 UTC. Records with a
  /// null that it does not take, or for which it returns a negative time, keep their own timestamp.
  template <class K, class V, class F>
  Stream<K, V> stream(Topic<K, V> topic, F event_time,
                      std::type_identity_t<SourceOptions<V>> options = {}) {
    if constexpr (operators::is_event_time<K, V, F>()) {
      return source(topic, operators::make_event_time<K, V>(std::move(event_time)),
                    std::move(options));
    } else {
      return source(topic, {}, std::move(options));
    }
  }

  /// Records of several topics in one stream, those of a task in the order of their times. The
  /// topics have the same number of partitions. A name in the options is a prefix:
  /// "<name>.<topic>".
  template <class K, class V>
  Stream<K, V> stream(std::initializer_list<Topic<K, V>> topics,
                      std::type_identity_t<SourceOptions<V>> options = {}) {
    return sources(topics, {}, options);
  }
  template <class K, class V, class F>
  Stream<K, V> stream(std::initializer_list<Topic<K, V>> topics, F event_time,
                      std::type_identity_t<SourceOptions<V>> options = {}) {
    if constexpr (operators::is_event_time<K, V, F>()) {
      return sources(topics, operators::make_event_time<K, V>(std::move(event_time)), options);
    } else {
      return sources(topics, {}, options);
    }
  }

  /// The latest value per key of a topic, kept in a store; see `Stream::to_table`, and where the
  /// options give a history `Stream::to_versioned_table`.
  template <class K, class V>
  Table<K, V> table(Topic<K, V> topic, TableOptions options = {}) {
    if (options.name.empty()) options.name = std::string(topic.name) + "-table";
    if (!options.history) return stream(topic).to_table(options.name, options.store);
    return stream(topic).to_versioned_table(options.name, *options.history, options.store);
  }

  /// A store for `process`: name it in the options of every processor that uses it.
  template <class K, class V>
  void store(std::string name, StoreOptions options = {}) {
    draft_->add_store(std::move(name), type_info<K>(), type_info<V>(), options);
  }
  template <class K, class V, class... Args>
  requires operators::Nameless<Args...>
  auto store(Args&&...) { return operators::refuse_nameless<Args...>(); }

  /// A compacted topic that every task can read whole, at a cursor of its own, and whose changes
  /// call the processors that read it: name it in their options.
  template <class K, class V>
  BroadcastTable<K, V> broadcast_table(Topic<K, V> topic,
                                       std::type_identity_t<BroadcastOptions<K, V>> options = {}) {
    draft_->add_broadcast({std::string(topic.name),
                           operators::checked_type<K>(std::move(options.validate_key)),
                           operators::checked_type<V>(std::move(options.validate))});
    return BroadcastTable<K, V>(std::string(topic.name));
  }

  /// Timers with keys `K` for one `process`: name it among the stores in its options; see `Timers`.
  template <class K = RawBytes>
  void timers(std::string name, TimeKind clock, StoreOptions options = {}) {
    draft_->add_timers(std::move(name), type_info<K>(), clock, options);
  }

  /// Runs a user's processor with several inputs, each fed by a stream: `stream.as<Input>()`, in
  /// any order; see `MultiInputProcessor`. Otherwise as `Stream::process`.
  template <class F, class... Is>
  auto process(std::string name, F factory, ProcessOptions options,
               const operators::FedInput<Is>&... inputs) {
    using Maker = operators::MultiInputMaker<F, Is...>;
    if constexpr (Maker::is_right()) {
      using Made = std::remove_cvref_t<decltype(*factory())>;
      operators::MergedInputs merged = operators::merge_inputs(
          {{operators::number_of<Is>(typename Made::AllInputs()), inputs.stream}...});
      return operators::processed<Made>(operators::add_processor(
          merged.stream, std::move(name), Maker::make(std::move(factory), std::move(merged.inputs)),
          std::move(options)));
    } else {
      return operators::Refused();
    }
  }

  /// Checks everything. Error: `kConfig`, naming every node at fault; see `Topology::create`.
  Result<Topology> build() && { return draft_->build(); }

 private:
  template <class K, class V>
  Stream<K, V> source(Topic<K, V> topic, operators::EventTime event_time,
                      SourceOptions<V> options) {
    operators::StreamCore core;
    core.draft = draft_.get();
    const bool has_options = !options.name.empty() || options.validate || event_time;
    core.nodes = {draft_->add_source({std::move(options.name),
                                      {std::string(topic.name), type_info<K>(),
                                       operators::checked_type<V>(std::move(options.validate))},
                                      std::move(event_time),
                                      has_options})};
    core.anchor = std::string(topic.name);
    return Stream<K, V>(std::move(core));
  }

  template <class K, class V>
  Stream<K, V> sources(std::initializer_list<Topic<K, V>> topics,
                       const operators::EventTime& event_time, const SourceOptions<V>& options) {
    MILLRACE_ASSERT(topics.size() > 0, "a stream of no topic");
    std::optional<Stream<K, V>> all;
    for (const Topic<K, V>& topic : topics) {
      SourceOptions<V> own = options;
      if (!own.name.empty()) own.name += "." + std::string(topic.name);
      const Stream<K, V> one = source(topic, event_time, std::move(own));
      all = all ? all->merge(one) : one;
    }
    return *all;
  }

  std::unique_ptr<operators::TopologyDraft> draft_;
};

}  // namespace millrace
