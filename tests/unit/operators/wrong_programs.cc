// Mistakes of a new user. None compiles: for each comment "refused: …" the compiler prints one
// error that begins so, about what follows the comment, and no other. `check_refusals.py` compares.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/operators.h"

namespace mr = millrace;

constexpr mr::Topic<std::string, int64_t> kNumbers{"numbers"};
constexpr mr::Topic<std::string, std::string> kTexts{"texts"};
constexpr mr::Topic<int64_t, std::string> kById{"by-id"};
constexpr mr::Topic<mr::RawBytes, int64_t> kRaw{"raw"};

using Numbers = mr::Stream<std::string, int64_t>;
using Texts = mr::Table<std::string, std::string>;

struct InTopic {
  int64_t size = 0;
};
struct InStore {};
struct InEmit {
  int64_t size = 0;
};
struct InResult {};
struct InAggregate {
  int64_t sum = 0;
};
struct InProcessor {
  int64_t size = 0;
};

// refused: this type has no millrace::Serde
constexpr mr::Topic<std::string, InTopic> kBare{"bare"};

void types_without_serde(mr::TopologyBuilder& builder, const Numbers& numbers) {
  const auto bare = builder.stream(kBare);
  bare.filter([](const InTopic& value) { return value.size > 0; }).to(kBare);
  bare.group_by_key().count("bare-count");
  bare.join(builder.table(mr::Topic<std::string, InTopic>{"bare-rows"})).to_table("bare-joined");
  // refused: this type has no millrace::Serde
  builder.store<std::string, InStore>("bare-store");
  numbers.flat_map<std::string, InEmit>([](int64_t value, mr::Emit<std::string, InEmit>& emit) {
    // refused: this type has no millrace::Serde
    emit("key", InEmit{value});
  });
  // refused: this type has no
  numbers.map_values([](int64_t) { return InResult(); }).to(kTexts);
  // refused: this type has no millrace::Serde
  numbers.aggregate("bare-sums", InAggregate(), [](int64_t value, const InAggregate& sum) {
    return InAggregate{sum.sum + value};
  });
}

using BareProcessor = mr::TypedProcessor<std::string, InProcessor, std::string, InProcessor>;
// refused: this type has no millrace::Serde
class Bare final : public BareProcessor {
  void on_record(mr::Maybe<std::string> key, mr::Maybe<InProcessor> value,
                 const mr::Record&) override {
    if (value && value->size > 0) emit()(*key, *value);
    store<std::string, InProcessor>("bare-rows").put(*key, *value, 0);
  }
};

void functions(mr::TopologyBuilder& builder, const Numbers& numbers, const Texts& texts) {
  // refused: a predicate takes (key, value)
  numbers.filter([](std::string_view a, std::string_view b) { return a < b; })
      .map_values([](auto value) { return value; })
      .process("behind", [] { return nullptr; }, {.stores = {"rows"}})
      .to(kNumbers);
  // refused: a predicate returns bool
  numbers.filter([](int64_t) { return std::string(); });
  // refused: a predicate takes (key, value)
  numbers.filter_not([](std::string_view, std::string_view) { return true; }).to(kNumbers);
  // refused: a predicate takes (key, value)
  texts.filter_not([](int64_t) { return true; }).materialize("rows").to(kTexts);
  // refused: an observer takes (key, value)
  numbers.foreach ([](int64_t, int64_t) {});
  // refused: the function takes (key, value, emit) or (value, emit)
  numbers.flat_map_values<int64_t>([](int64_t, mr::Emit<std::string, int64_t>&) {}).to(kNumbers);
  // refused: a predicate returns bool
  numbers.split("s").branch("a", [](int64_t) {}).default_branch("b")["a"].to(kNumbers);
  // refused: the function that picks a topic returns a Topic<K, V>
  numbers.to({kNumbers}, [](int64_t) { return "numbers"; });
  // refused: an observer takes (key, value)
  numbers.peek([](int64_t, int64_t) {});
  // refused: the function returns nothing
  numbers.map_values([](int64_t value) { value += 1; }).to(kNumbers);
  // refused: this value is of another type
  numbers.map_values<int64_t>([](int64_t) { return "text"; }).to(kNumbers);
  // refused: the function takes (key, value) or (value)
  numbers.map_values([](int64_t, int64_t) { return 0; });
  // refused: the function of a map returns std::pair
  numbers.map([](int64_t value) { return value + 1; }).to(kNumbers);
  // refused: a mapped record needs a key
  numbers.map([](int64_t value) { return std::pair(std::optional<std::string>(), value); });
  // refused: a predicate takes
  numbers.branch([](int64_t, int64_t) { return true; })[0].to(kNumbers);
  // refused: this value is of another type
  builder.stream(kById, [](std::string_view) { return std::string(); });
  // refused: a predicate takes (key, value)
  texts.filter([](int64_t) { return true; }).to(kTexts);
  // refused: the function takes
  texts.group_by([](int64_t) { return 1; }).count("n").to(kNumbers);
  // refused: the function of an index takes (key, value) or (value)
  texts.index("by-number", [](int64_t value) { return value; }).to(kTexts);
  // refused: the function of an index returns text or an integer
  texts.index("by-nothing", [](std::string_view) {}).to(kTexts);
  // refused: the function of an index returns text or an integer
  texts.index("by-half", [](std::string_view) { return 0.5; }).filter([] { return true; });
}

void text_as_string(const Numbers& numbers, const Texts& texts) {
  // refused: the function takes text as std::string: take it as std::string_view
  texts.filter([](const std::string& text) { return text.empty(); }).to(kTexts);
  // refused: the function takes text as std::string
  numbers.filter([](std::string key, int64_t) { return key.empty(); });
  // refused: the function takes text as std::string
  numbers.join(texts, [](int64_t, std::string text) { return text; }).to(kTexts);
  // refused: the function takes text as std::string
  numbers.aggregate("last-text", std::string(), [](int64_t, std::string text) { return text; });
}

void narrower_numbers(mr::TopologyBuilder& builder, const Numbers& numbers, const Texts& texts) {
  // refused: the function takes a number in a type
  numbers.filter([](int value) { return value > 1; }).to(kNumbers);
  // refused: the function takes a number in a type
  numbers.map_values([](double value) { return value > 0.5 ? "big" : "small"; }).to(kTexts);
  // refused: the function takes a number in a type
  numbers.join(texts, [](std::optional<int32_t>, std::string_view text) { return text; });
  // refused: this number may not fit
  numbers.map_values<int32_t>([](int64_t value) { return value; });
  // refused: the function returns a number that the aggregate's type may not hold
  numbers.aggregate("sums", 0, [](int64_t value, int64_t sum) { return value + sum; });
  // refused: this number may not fit
  numbers.group_by_key().reduce("largest",
                                [](int64_t a, int64_t b) { return a > b ? 1.0 * a : b; });
  numbers.flat_map<int32_t, int32_t>([](int64_t, mr::Emit<int32_t, int32_t>& emit) {
    // refused: this number may not fit
    emit(1, 1U);
  });
  // refused: this number may not fit
  builder.stream(mr::Topic<std::string, std::string>{"timed"},
                 [](std::string_view) { return 0.5F; });
}

void event_times(mr::TopologyBuilder& builder) {
  // refused: a function for the event time takes (key, value) or (value)
  builder.stream(kNumbers, [](int64_t, int64_t) { return 0; }).to(kNumbers);
}

void joins(mr::TopologyBuilder& builder, const Numbers& numbers, const Texts& texts) {
  // refused: the function of a join takes (key, left, right)
  numbers.join(texts, [](int64_t value) { return value; }).to(kNumbers);
  // refused: the function of a left or outer join takes the right side as Maybe<T>
  numbers.left_join(texts, [](int64_t value, std::string_view) { return value; });
  // refused: the function of an outer join takes the left side as Maybe<T>
  texts.outer_join(texts, [](std::string_view a, mr::Maybe<std::string>) { return a; });
  // refused: the function of a left or outer join takes the right side
  texts.outer_join(texts, [](std::string_view a, std::string_view) { return a; });
  // refused: the other side of this join has keys of another type
  builder.stream(kById).join(texts, [](std::string_view a, std::string_view) { return a; });
  // refused: a predicate takes
  texts.join(texts.filter([](int64_t) { return true; })).to(kTexts);
  // refused: the other side of a join is a table, not a stream
  texts.outer_join(numbers, [](int64_t a) { return a; }).filter([] { return true; });
  // refused: the name is missing
  numbers
      .join(
          builder.broadcast_table(kTexts), [](int64_t) { return "key"; },
          [](int64_t value, std::string_view) { return value; })
      .to(kNumbers);
}

void stream_joins(mr::TopologyBuilder& builder, const Numbers& numbers, const Texts& texts) {
  const auto within = mr::JoinWindows::of_time_difference(std::chrono::seconds(10));
  const auto sum = [](int64_t a, int64_t b) { return a + b; };
  // refused: a join of two streams takes (stream, function, windows)
  numbers.join(numbers, sum).to(kNumbers);
  // refused: a join of two streams takes (stream, function, windows)
  numbers.join(numbers, sum, mr::TimeWindows::of(std::chrono::seconds(10))).to(kNumbers);
  // refused: a join of two streams takes (stream, function, windows)
  numbers.join(numbers, within, sum).filter([] { return true; });
  // refused: a join of two streams takes (stream, function, windows)
  numbers.left_join<int64_t>(builder.stream(kById), [](int64_t a) { return a; }).to(kTexts);
  // refused: a join of two streams takes (stream, function, windows)
  numbers.left_join(numbers, within).to(kNumbers);
  // refused: a join of two streams takes (stream, function, windows)
  numbers.outer_join(numbers, sum, sum).to(kNumbers);
  // refused: a stream has no outer join with a table
  numbers.outer_join(texts, sum).to(kNumbers);
  // refused: the other side of this join has keys of another type
  numbers.join(builder.stream(kRaw), sum, within, {.name = "by-raw"}).to(kNumbers);
  // refused: the function of a join takes (key, left, right)
  numbers
      .join(
          numbers, [](int64_t a) { return a; }, within)
      .to(kNumbers);
  // refused: the function of a left or outer join takes the right side as Maybe<T>
  numbers.left_join(numbers, sum, within).outer_join(numbers, sum, within).to(kTexts);
  // refused: the function of an outer join takes the left side as Maybe<T>
  numbers.outer_join(
      numbers, [](int64_t a, mr::Maybe<int64_t>) { return a; }, within);
}

void foreign_keys(mr::TopologyBuilder& builder, const Texts& texts) {
  const auto by_id = builder.table(kById);
  const auto first = [](std::string_view text) { return text.substr(0, 1); };
  const auto size = [](std::string_view text) { return static_cast<int64_t>(text.size()); };
  const auto left = [](std::string_view a, std::string_view) { return a; };
  // refused: the other side of this join has keys of another type
  texts.join(by_id, left).to(kTexts);
  // refused: the function of a foreign key takes (key, value) or (value)
  texts
      .join(
          by_id, [](int64_t text) { return text; }, left)
      .filter([] { return true; });
  // refused: the function of a foreign key returns something else than a key of the right table
  texts.join(by_id, first, left).to(kTexts);
  // refused: the function of a foreign key returns something else than a key of the right table
  by_id.left_join(texts, size, left, {.name = "by-size"}).to(kTexts);
  // refused: the function returns nothing
  texts.join(
      texts, [](std::string_view) {}, left);
  // refused: the function takes text as std::string
  texts.join(
      texts, [](std::string text) { return text; }, left);
  // refused: the function of a join takes (key, left, right)
  texts.join(by_id, size, size).to(kTexts);
  // refused: the function of a left or outer join takes the right side as Maybe<T>
  texts.left_join(by_id, size, left).join(texts, first, left, {.name = "behind"}).to(kTexts);
  // refused: the other side of a join is a table, not a stream
  texts.join(builder.stream(kById), size, left).to(kTexts);
}

void names(mr::TopologyBuilder& builder, const Numbers& numbers, const Texts& texts) {
  const auto sum = [](int64_t value, int64_t so_far) { return value + so_far; };
  const auto begin = [](int64_t value, mr::Maybe<int64_t>) { return value; };
  const auto pass = [](int64_t value, mr::Emit<std::string, int64_t>& emit) { emit("key", value); };
  // refused: the name is missing
  numbers.aggregate(0L, sum).to(kNumbers);
  // refused: the name is missing
  numbers.aggregate(begin).to(kNumbers);
  // refused: the name is missing
  numbers.aggregate<int64_t>(nullptr, sum).to(kNumbers);
  // refused: the name is missing
  numbers.group_by_key().aggregate(int64_t{0}, begin).map_values(sum).to(kNumbers);
  // refused: the name is missing
  numbers.group_by_key().reduce(sum).to(kNumbers);
  // refused: the name is missing
  numbers.group_by_key().count().to(kNumbers);
  // refused: the name is missing
  numbers.to_table(mr::StoreOptions()).to(kNumbers);
  // refused: the name is missing
  numbers.process<std::string, int64_t>(pass).to(kNumbers);
  const auto groups = texts.group_by([](std::string_view text) { return text; });
  // refused: the name is missing
  groups.count(1).to(kNumbers);
  // refused: the name is missing
  groups.reduce(sum, sum).to(kTexts);
  // refused: the name is missing
  groups.aggregate(0L, sum, sum).to(kNumbers);
  // refused: the name is missing
  builder.store<std::string, int64_t>(2.5);
  // refused: the name is missing
  texts.materialize(2.5F).to(kTexts);
  // refused: the name is missing
  numbers.group_by_key().cogroup(begin).aggregate(0L).to(kNumbers);
}

void aggregates(const Numbers& numbers, const Texts& texts) {
  // refused: the function of an aggregate without an initial value
  numbers.aggregate("a", [](int64_t value, int64_t sum) { return value + sum; }).to(kNumbers);
  // refused: the function does not tell the aggregate's type
  numbers.aggregate("b", [](auto value, auto) { return value; }).to(kNumbers);
  // refused: the function of an aggregate takes (key, value, aggregate)
  numbers.aggregate("c", 0L, [](int64_t value) { return value; }).to(kNumbers);
  // refused: the function of a reduce takes (aggregate, value)
  numbers.group_by_key().reduce("d", [](std::string_view a) { return a; }).to(kNumbers);
  texts
      .group_by([](std::string_view text) { return text; })
      // refused: the function of an aggregate takes (key, value, aggregate)
      .aggregate(
          "e", 0L, [](int64_t, int64_t sum) { return sum; },
          [](std::string_view, int64_t sum) { return sum; })
      .to(kNumbers);
}

void cogroups(mr::TopologyBuilder& builder, const Numbers& numbers) {
  const auto sum = [](int64_t value, int64_t so_far) { return value + so_far; };
  const auto begin = [](int64_t value, mr::Maybe<int64_t>) { return value; };
  const auto group = numbers.group_by_key();
  // refused: a function of this cogroup does not take the aggregate as Maybe<A>
  group.cogroup(begin).cogroup(group, sum).aggregate("f").to(kNumbers);
  // refused: the function does not tell the aggregate's type
  group.cogroup([](auto value, auto) { return value; }).cogroup(group, sum).aggregate("g", 0L);
  // refused: the function of an aggregate takes (key, value, aggregate)
  group.cogroup(begin).cogroup(group, [](int64_t value) { return value; }).aggregate("h");
  // refused: the streams of a cogroup have keys of one type
  group.cogroup(begin).cogroup(builder.stream(kById).group_by_key(), begin).aggregate("i");
}

void sinks_and_processors(const Numbers& numbers, const Texts& texts) {
  // refused: the topic's value type is not the stream's
  numbers.to(kTexts);
  // refused: the topic's key type is not the stream's
  numbers.to(mr::Topic<int64_t, int64_t>{"numbers-by-id"});
  // refused: the topic's key type is not the stream's
  numbers.to(kById);
  // refused: the topic's value type is not the table's
  texts.to(kNumbers);
  // refused: the topic's key type is not the table's
  texts.to(kById);
  // refused: the topic's key type is not the table's
  texts.to(mr::Topic<int64_t, int64_t>{"numbers-by-id"});
  // refused: the processor's input types are not the stream's
  numbers.process("bare", [] { return std::make_unique<Bare>(); }).to(kBare);
  // refused: process needs to know what comes out
  numbers.process("plain", [] { return std::unique_ptr<mr::Processor>(); }).to(kNumbers);
  // refused: process needs to know what comes out
  numbers.process("shape", [](int64_t) {}).to(kNumbers);
  // refused: the function takes (key, value, emit)
  numbers.process<std::string, int64_t>("shape", [](int64_t) {}).to(kNumbers);
  // refused: process_values needs to know what comes out
  numbers.process_values("shape", [](int64_t) {}).to(kNumbers);
  // refused: the function takes (key, value, emit) or (value, emit)
  numbers.process_values<int64_t>("shape", [](int64_t) {}).to(kNumbers);
  // refused: the processor may change keys: derive it from FixedKeyProcessor
  numbers.process_values("bare", [] { return std::make_unique<Bare>(); }).to(kNumbers);
}

using Rejected = mr::Output<"rejected", std::string, std::string>;
using Late = mr::Output<"late", std::string, std::string>;
using Rejects = mr::TypedProcessor<std::string, int64_t, std::string, int64_t, Rejected>;
class Rejecter final : public Rejects {
  void on_record(mr::Maybe<std::string> key, mr::Maybe<int64_t>, const mr::Record&) override {
    // refused: this value is of another type
    emit<Rejected>()(*key, 5);
    // refused: the processor does not declare this side output: name it in the processor's base
    emit<Late>()(*key, "late");
  }
};

using NumberIn = mr::Input<"numbers", std::string, int64_t>;
using TextIn = mr::Input<"texts", std::string, std::string>;
using BothIn = mr::MultiInputProcessor<mr::Inputs<NumberIn, TextIn>, std::string, int64_t>;
class Both final : public BothIn {
  void on_record(NumberIn, mr::Maybe<std::string>, mr::Maybe<int64_t>, const mr::Record&) override {
  }
  void on_record(TextIn, mr::Maybe<std::string>, mr::Maybe<std::string>,
                 const mr::Record&) override {}
};

enum class Wide : int64_t { kFirst };
using Keeps = mr::TypedProcessor<std::string, int64_t, std::string, int64_t>;
class Keeper final : public Keeps {
  void on_record(mr::Maybe<std::string> key, mr::Maybe<int64_t> value, const mr::Record&) override {
    // refused: an emitted record needs a key
    emit()(std::optional<std::string>(*key), *value);
    // refused: a row has a value; use erase
    store<std::string, int64_t>("rows").put(*key, std::optional<int64_t>(), 0);
    // refused: a timer's kind is an enumeration of one byte
    timers<std::string>("due").set(*key, Wide::kFirst, 0);
    // refused: a timer's kind is a number or an enumerator
    timers<std::string>("due").cancel(*key, "first");
  }
};

using SameName = mr::Output<"rejected", std::string, int64_t>;
using Twice = mr::TypedProcessor<std::string, int64_t, std::string, int64_t, Rejected, SameName>;
// refused: two side outputs of a processor have one name
class TwiceNamed final : public Twice {
  void on_record(mr::Maybe<std::string>, mr::Maybe<int64_t>, const mr::Record&) override {}
};

using SameInput = mr::Input<"numbers", std::string, std::string>;
using OneNameIn = mr::MultiInputProcessor<mr::Inputs<NumberIn, SameInput>, std::string, int64_t>;
// refused: two inputs of a processor have one name
class OneNameFed final : public OneNameIn {
  void on_record(NumberIn, mr::Maybe<std::string>, mr::Maybe<int64_t>, const mr::Record&) override {
  }
  void on_record(SameInput, mr::Maybe<std::string>, mr::Maybe<std::string>,
                 const mr::Record&) override {}
};

void pointers(mr::TopologyBuilder& builder, const Numbers& numbers) {
  // refused: the function returns the processor as std::unique_ptr
  numbers.process("bare", [] { return new Rejecter(); }).to(kNumbers);
  // refused: the function returns the processor as std::unique_ptr
  numbers.process("shared", [] { return std::make_shared<Rejecter>(); }).to(kNumbers);
  // refused: the function returns the processor as std::unique_ptr
  numbers.process("plain", []() -> mr::Processor* { return nullptr; }).to(kNumbers);
  // refused: process takes a function that makes the processor and returns it as
  builder
      .process(
          "both", [] { return new Both(); }, {}, numbers.as<NumberIn>())
      .to(kNumbers);
}

void ports(mr::TopologyBuilder& builder, const Numbers& numbers) {
  const auto make_rejecter = [] { return std::make_unique<Rejecter>(); };
  const auto make_both = [] { return std::make_unique<Both>(); };
  // refused: the processor does not declare this side output
  numbers.process("rejecter", make_rejecter).output<Late>().to(kNumbers);
  // refused: the topic's value type is not the stream's
  numbers.process("rejecter", make_rejecter).output<Rejected>().to(kNumbers);
  // refused: the input's types are not the stream's
  const auto wrong = numbers.as<TextIn>();
  // refused: each input of the processor takes one stream
  builder.process("both", make_both, {}, numbers.as<NumberIn>()).to(kNumbers);
  // refused: a processor with several inputs is given to TopologyBuilder::process
  numbers.process("both", make_both).to(kNumbers);
  // refused: the processor does not derive from MultiInputProcessor
  builder.process("one", make_rejecter, {}, numbers.as<NumberIn>()).to(kNumbers);
  // refused: process takes a function that makes the processor
  builder
      .process(
          "none", [] { return 1; }, {}, numbers.as<NumberIn>())
      .to(kNumbers);
}

void windows(const Numbers& numbers) {
  const auto clicks = numbers.group_by_key();
  // refused: windowed_by takes TimeWindows, SlidingWindows or SessionWindows
  clicks.windowed_by(std::chrono::minutes(5)).emit_final().count("n").to(kNumbers);
  const auto tumbling = clicks.windowed_by(mr::TimeWindows::of(std::chrono::minutes(5)));
  // refused: the name is missing
  tumbling.reduce([](int64_t sum, int64_t value) { return sum + value; }).to(kNumbers);
  // refused: the function of an aggregate takes (key, value, aggregate)
  tumbling.aggregate("sums", int64_t{0}, [](int64_t value) { return value; }).to(kNumbers);
  // refused: late_output takes a function of the stream of late records
  tumbling.late_output(kNumbers).count("n").to_stream();
  const auto gap = std::chrono::minutes(5);
  const auto sessions = clicks.windowed_by(mr::SessionWindows::of_inactivity_gap(gap));
  const auto add = [](int64_t value, mr::Maybe<int64_t> sum) { return value + (sum ? *sum : 0); };
  // refused: sessions that a record connects become one
  sessions.aggregate("sums", add).to(kNumbers);
  // refused: the merger of sessions takes (key, aggregate, aggregate)
  sessions.aggregate("sums", add, [](int64_t sum) { return sum; }).to(kNumbers);
  // refused: the topic's key type is not the table's
  tumbling.count("n").to(kNumbers);
  // refused: no window closes here: the keys of the table are not Windowed<K>
  clicks.count("n").suppress("held", mr::Suppressed::until_window_closes()).to(kNumbers);
  // refused: the name is missing
  clicks.count("n").suppress(mr::Suppressed::until_time_limit(gap)).to(kNumbers);
  // refused: the topic's key type is not the stream's
  tumbling.emit_final().count("n").to(kNumbers);
}
