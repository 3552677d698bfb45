#include "tests/peer/plan.h"

#include <chrono>
#include <map>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "millrace/operators.h"

#include "tests/peer/adapters.h"
#include "tests/peer/functions.h"

namespace millrace::peer {
namespace {

using Records = Stream<Key, Text>;
using Rows = Table<Key, Text>;
using WindowRows = Table<Windowed<Key>, Text>;
using WindowRecords = Stream<Windowed<Key>, Text>;
using Arms = Branches<Key, Text>;
/// The result of a node; a sink has none.
using Handle = std::variant<std::monostate, Records, Rows, WindowRows, WindowRecords, Arms>;

std::string text_of_count(int64_t count) {
  return std::to_string(count);
}

template <bool kIsFinal>
auto aggregate_windows(const WindowedStream<Key, Text, kIsFinal>& windows, const Text& name) {
  return windows.aggregate(name, Text(), [](std::string_view value, std::string_view aggregate) {
    return add(aggregate, value);
  });
}

template <bool kIsFinal>
auto aggregate_windows(const SessionWindowedStream<Key, Text, kIsFinal>& windows,
                       const Text& name) {
  return windows.aggregate(
      name, Text(),
      [](std::string_view value, std::string_view aggregate) { return add(aggregate, value); },
      [](std::string_view first, std::string_view second) {
        return merge_sessions(first, second);
      });
}

template <class W>
Handle aggregate_kind(const W& windows, const Text& kind, const Text& name) {
  if (kind == "count") return windows.count(name).map_values(text_of_count);
  if (kind == "reduce") return windows.reduce(name, add);
  if (kind == "aggregate") return aggregate_windows(windows, name);
  throw std::invalid_argument(fmt::format("there is no aggregate '{}'", kind));
}

/// Adds the nodes one after the other.
class Planner {
 public:
  Planner(TopologyBuilder& builder, std::vector<Output>& outputs)
      : builder_(builder), outputs_(outputs) {}

  void add_node(const CaseNode& node) {
    node_ = &node;
    number_ = handles_.size();
    name_ = fmt::format("n{}", number_);
    const auto found = operations().find(node.operation);
    if (found == operations().end()) {
      throw std::invalid_argument(fmt::format("there is no operation '{}'", node.operation));
    }
    handles_.push_back((this->*found->second)());
  }

 private:
  using Operation = Handle (Planner::*)();
  static const std::map<std::string_view, Operation>& operations();

  const Text& argument(size_t i) const {
    if (i < node_->arguments.size()) return node_->arguments[i];
    throw std::invalid_argument(fmt::format("'{}' lacks an argument", node_->operation));
  }
  std::chrono::milliseconds duration(size_t i) const {
    return std::chrono::milliseconds(parse_number(argument(i)));
  }
  JoinWindows join_windows() const {
    return JoinWindows::of_time_difference({})
        .before(duration(2))
        .after(duration(3))
        .grace(duration(4));
  }
  /// The node that argument `i` names.
  template <class T>
  const T& input(size_t i) const {
    const auto number = static_cast<size_t>(parse_number(argument(i)));
    const T* const handle = number < handles_.size() ? std::get_if<T>(&handles_[number]) : nullptr;
    if (handle != nullptr) return *handle;
    throw std::invalid_argument(fmt::format("node {} cannot read node {}", number_, number));
  }
  const Records& records(size_t i = 0) const { return input<Records>(i); }
  const Rows& rows(size_t i = 0) const { return input<Rows>(i); }

  Topic<Key, Text> output(bool is_windowed) {
    outputs_.push_back({number_, fmt::format("out{}", number_), is_windowed});
    return {outputs_.back().topic};
  }

  // Streams.
  Handle stream() { return builder_.stream(Topic<Key, Text>{input_topic(number_)}); }
  Handle filter();
  Handle filter_not();
  Handle map_values();
  Handle flat_map_values();
  Handle map();
  Handle flat_map();
  Handle key_by();
  Handle merge() { return records(0).merge(records(1)); }
  Handle split();
  Handle arm() { return input<Arms>(0)[argument(1)]; }
  Handle exchange() { return records().exchange(name_); }
  Handle through();
  Handle join();
  Handle left_join();
  Handle s_join();
  Handle s_left_join();
  Handle s_outer_join();
  Handle to();

  // Aggregates of streams.
  Handle to_table() { return records().to_table(name_); }
  Handle count() { return records().group_by_key().count(name_).map_values(text_of_count); }
  Handle reduce() { return records().group_by_key().reduce(name_, add); }
  Handle aggregate();
  Handle erase();
  Handle cogroup();
  Handle tumbling();
  Handle hopping();
  Handle sliding();
  Handle session();
  template <class W>
  Handle windows(const W& windows, size_t kind);

  // Tables.
  Handle table();
  Handle t_filter() { return rows().filter(row_predicate(argument(1))); }
  Handle t_filter_not() { return rows().filter_not(row_predicate(argument(1))); }
  Handle t_map_values() { return rows().map_values(value_mapper(argument(1))); }
  Handle materialize() { return rows().materialize(name_); }
  Handle t_join();
  Handle t_left_join();
  Handle t_outer_join();
  Handle fk_join();
  Handle fk_left_join();
  Handle t_count();
  Handle t_reduce();
  Handle t_aggregate();
  Handle to_stream() { return rows().to_stream(); }

  // Windows.
  Handle w_filter() { return input<WindowRows>(0).filter(value_predicate(argument(1))); }
  Handle w_map_values() { return input<WindowRows>(0).map_values(value_mapper(argument(1))); }
  Handle w_aggregate();
  Handle w_to_stream() { return input<WindowRows>(0).to_stream(); }
  Handle w_flatten();
  Handle w_to();

  TopologyBuilder& builder_;
  std::vector<Output>& outputs_;
  std::vector<Handle> handles_;
  const CaseNode* node_ = nullptr;  ///< the one that is added
  size_t number_ = 0;
  Text name_;
};

const std::map<std::string_view, Planner::Operation>& Planner::operations() {
  static const std::map<std::string_view, Operation> all = {
      {"stream", &Planner::stream},
      {"filter", &Planner::filter},
      {"filter_not", &Planner::filter_not},
      {"map_values", &Planner::map_values},
      {"flat_map_values", &Planner::flat_map_values},
      {"map", &Planner::map},
      {"flat_map", &Planner::flat_map},
      {"key_by", &Planner::key_by},
      {"merge", &Planner::merge},
      {"split", &Planner::split},
      {"arm", &Planner::arm},
      {"exchange", &Planner::exchange},
      {"through", &Planner::through},
      {"join", &Planner::join},
      {"left_join", &Planner::left_join},
      {"s_join", &Planner::s_join},
      {"s_left_join", &Planner::s_left_join},
      {"s_outer_join", &Planner::s_outer_join},
      {"to", &Planner::to},
      {"to_table", &Planner::to_table},
      {"count", &Planner::count},
      {"reduce", &Planner::reduce},
      {"aggregate", &Planner::aggregate},
      {"erase", &Planner::erase},
      {"cogroup", &Planner::cogroup},
      {"tumbling", &Planner::tumbling},
      {"hopping", &Planner::hopping},
      {"sliding", &Planner::sliding},
      {"session", &Planner::session},
      {"table", &Planner::table},
      {"t_filter", &Planner::t_filter},
      {"t_filter_not", &Planner::t_filter_not},
      {"t_map_values", &Planner::t_map_values},
      {"materialize", &Planner::materialize},
      {"t_join", &Planner::t_join},
      {"t_left_join", &Planner::t_left_join},
      {"t_outer_join", &Planner::t_outer_join},
      {"fk_join", &Planner::fk_join},
      {"fk_left_join", &Planner::fk_left_join},
      {"t_count", &Planner::t_count},
      {"t_reduce", &Planner::t_reduce},
      {"t_aggregate", &Planner::t_aggregate},
      {"to_stream", &Planner::to_stream},
      {"w_filter", &Planner::w_filter},
      {"w_map_values", &Planner::w_map_values},
      {"w_aggregate", &Planner::w_aggregate},
      {"w_to_stream", &Planner::w_to_stream},
      {"w_flatten", &Planner::w_flatten},
      {"w_to", &Planner::w_to},
  };
  return all;
}

Handle Planner::filter() {
  if (argument(1) == "odd_or_null") return records().filter(value_predicate("odd"));
  return records().filter(predicate(argument(1)));
}

Handle Planner::filter_not() {
  if (argument(1) == "odd_or_null") return records().filter_not(value_predicate("odd"));
  return records().filter_not(predicate(argument(1)));
}

Handle Planner::map_values() {
  if (argument(1) == "show") {
    return records().map_values(
        [](Maybe<Key> key, Maybe<Text> value) { return show(nullable(key), nullable(value)); });
  }
  return records().map_values(value_mapper(argument(1)));
}

Handle Planner::flat_map_values() {
  return records().flat_map_values<Text>(
      [expander = argument(1)](std::string_view value, EmitValues<Text>& emit) {
        for (const Text& each : expand_value(expander, value)) emit(each);
      });
}

Handle Planner::map() {
  return records().map([mapper = argument(1)](Key key, std::string_view value) {
    return map_record(mapper, key, value);
  });
}

Handle Planner::flat_map() {
  return records().flat_map<Key, Text>(
      [expander = argument(1)](Key key, std::string_view value, Emit<Key, Text>& emit) {
        for (const auto& [new_key, text] : expand_record(expander, key, value)) {
          emit(new_key, text);
        }
      });
}

Handle Planner::key_by() {
  return records().key_by([selector = argument(1)](Maybe<Key> key, Maybe<Text> value) {
    return select_key(selector, nullable(key), nullable(value));
  });
}

Handle Planner::split() {
  const auto two = records()
                       .split(name_)
                       .branch("first", predicate(argument(1)))
                       .branch("second", predicate(argument(2)));
  return argument(3) == "default" ? two.default_branch("rest") : two.no_default_branch();
}

Handle Planner::through() {
  const Text topic = fmt::format("through{}", number_);
  records().to(Topic<Key, Text>{topic});
  return builder_.stream(Topic<Key, Text>{topic});
}

Handle Planner::join() {
  return records().join(
      rows(1),
      [](std::string_view left, std::string_view right) { return join_values(left, right); },
      {.name = name_});
}

Handle Planner::left_join() {
  return records().left_join(
      rows(1),
      [](std::string_view left, Maybe<Text> right) { return join_values(left, nullable(right)); },
      {.name = name_});
}

Handle Planner::s_join() {
  return records(0).join(
      records(1),
      [](std::string_view left, std::string_view right) { return join_values(left, right); },
      join_windows(), {.name = name_});
}

Handle Planner::s_left_join() {
  return records(0).left_join(records(1),
                              [](Maybe<Key>, std::string_view left, Maybe<Text> right) {
                                return join_values(left, nullable(right));
                              },
                              join_windows(), {.name = name_});
}

Handle Planner::s_outer_join() {
  return records(0).outer_join(records(1),
                               [](Maybe<Key>, Maybe<Text> left, Maybe<Text> right) {
                                 return join_values(nullable(left), nullable(right));
                               },
                               join_windows(), {.name = name_});
}

Handle Planner::to() {
  records().to(output(false));
  return {};
}

Handle Planner::aggregate() {
  return records().group_by_key().aggregate(
      name_, Text(),
      [](std::string_view value, std::string_view aggregate) { return add(aggregate, value); });
}

Handle Planner::erase() {
  return records().group_by_key().aggregate(name_, Text(),
                                            [](std::string_view value, std::string_view aggregate) {
                                              return add_or_erase(aggregate, value);
                                            });
}

Handle Planner::cogroup() {
  return records(0)
      .group_by_key()
      .cogroup([](std::string_view value, std::string_view aggregate) -> Text {
        return add(aggregate, value);
      })
      .cogroup(records(1).group_by_key(),
               [](std::string_view value, std::string_view aggregate) -> Text {
                 return merge_sessions(aggregate, value);
               })
      .aggregate(name_, Text());
}

template <class W>
Handle Planner::windows(const W& windows, size_t kind) {
  const auto grouped = records().group_by_key().windowed_by(windows);
  if (argument(kind + 1) == "final") {
    return aggregate_kind(grouped.emit_final(), argument(kind), name_);
  }
  return aggregate_kind(grouped, argument(kind), name_);
}

Handle Planner::tumbling() {
  return windows(TimeWindows::of(duration(1)).grace(duration(2)), 3);
}

Handle Planner::hopping() {
  return windows(TimeWindows::of(duration(1)).advance_by(duration(2)).grace(duration(3)), 4);
}

Handle Planner::sliding() {
  return windows(SlidingWindows::of_time_difference(duration(1)).grace(duration(2)), 3);
}

Handle Planner::session() {
  return windows(SessionWindows::of_inactivity_gap(duration(1)).grace(duration(2)), 3);
}

Handle Planner::table() {
  return builder_.table(Topic<Key, Text>{input_topic(number_)});
}

Handle Planner::t_join() {
  return rows(0).join(
      rows(1),
      [](std::string_view left, std::string_view right) { return join_values(left, right); },
      {.name = name_});
}

Handle Planner::t_left_join() {
  return rows(0).left_join(
      rows(1),
      [](std::string_view left, Maybe<Text> right) { return join_values(left, nullable(right)); },
      {.name = name_});
}

Handle Planner::t_outer_join() {
  return rows(0).outer_join(rows(1),
                            [](Maybe<Text> left, Maybe<Text> right) {
                              return join_values(nullable(left), nullable(right));
                            },
                            {.name = name_});
}

Handle Planner::fk_join() {
  return rows(0).join(
      rows(1), row_selector(argument(2)),
      [](std::string_view left, std::string_view right) { return join_values(left, right); },
      {.name = name_});
}

Handle Planner::fk_left_join() {
  return rows(0).left_join(
      rows(1), row_selector(argument(2)),
      [](std::string_view left, Maybe<Text> right) { return join_values(left, nullable(right)); },
      {.name = name_});
}

Handle Planner::t_count() {
  return rows().group_by(row_selector(argument(1))).count(name_).map_values(text_of_count);
}

Handle Planner::t_reduce() {
  return rows().group_by(row_selector(argument(1))).reduce(name_, add, subtract);
}

Handle Planner::t_aggregate() {
  return rows()
      .group_by(row_selector(argument(1)))
      .aggregate(
          name_, Text(),
          [](std::string_view value, std::string_view aggregate) { return add(aggregate, value); },
          [](std::string_view value, std::string_view aggregate) {
            return subtract(aggregate, value);
          });
}

Handle Planner::w_aggregate() {
  return input<WindowRows>(0)
      .group_by([](const WindowedView<Key>& window, std::string_view) { return window.key; })
      .aggregate(
          name_, Text(),
          [](std::string_view value, std::string_view aggregate) { return add(aggregate, value); },
          [](std::string_view value, std::string_view aggregate) {
            return subtract(aggregate, value);
          });
}

Handle Planner::w_flatten() {
  return input<WindowRecords>(0).map([](const WindowedView<Key>& window, Maybe<Text> value) {
    TextOrNull flat;
    if (value) flat = flatten(*value, window.start_ms, window.end_ms);
    return std::pair(window.key, flat);
  });
}

Handle Planner::w_to() {
  input<WindowRecords>(0).to(Topic<Windowed<Key>, Text>{output(true).name});
  return {};
}

}  // namespace

std::string input_topic(size_t node) {
  return fmt::format("in{}", node);
}

Plan make_plan(const Case& of) {
  TopologyBuilder builder{"peer"};
  std::vector<Output> outputs;
  Planner planner(builder, outputs);
  for (const CaseNode& node : of.nodes) planner.add_node(node);
  return {std::move(builder).build(), std::move(outputs)};
}

}  // namespace millrace::peer
