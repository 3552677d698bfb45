#include "millrace/operators/detail/operators.h"
#include "millrace/operators/detail/pair_codec.h"

#include "operators/aggregate_store.h"
#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

class AggregateStream final : public Processor {
 public:
  AggregateStream(std::string store, Aggregator aggregator)
      : store_name_(std::move(store)), aggregator_(std::move(aggregator)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    store_.open(context, store_name_);
  }

  void process(const Record& record) override {
    if (drop_any_null(record, context())) return;
    const Row old = store_.read(record.key);
    const Bytes current = old ? old.value : or_null(aggregator_.initial);
    const bool stays = aggregator_.call(record.key, record.value, current, value_);
    store_.replace(record, old, stays ? Bytes(value_) : Bytes());
  }

 private:
  std::string store_name_;
  Aggregator aggregator_;
  AggregateStore store_;
  std::string value_;
};

class AggregateTable final : public Processor {
 public:
  AggregateTable(std::string store, TableAggregator aggregator)
      : store_name_(std::move(store)), aggregator_(std::move(aggregator)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    store_.open(context, store_name_);
  }

  void process(const Record& record) override {
    if (drop_any_null(record, context())) return;
    const BytesPair change = decode_pair(record.value);
    const Row old = store_.read(record.key);
    Bytes current = old.value;
    if (!change.first.is_null() && old) {
      const bool stays = aggregator_.subtract(record.key, change.first, current, subtracted_);
      current = stays ? Bytes(subtracted_) : Bytes();
    }
    if (!change.second.is_null()) {
      if (current.is_null()) current = or_null(aggregator_.initial);
      const bool stays = aggregator_.add(record.key, change.second, current, added_);
      current = stays ? Bytes(added_) : Bytes();
    }
    store_.replace(record, old, current);
  }

 private:
  std::string store_name_;
  TableAggregator aggregator_;
  AggregateStore store_;
  std::string subtracted_;
  std::string added_;
};

}  // namespace

ProcessorFactory aggregate_stream(std::string store, Aggregator aggregator) {
  return [=] { return std::make_unique<AggregateStream>(store, aggregator); };
}

ProcessorFactory aggregate_table(std::string store, TableAggregator aggregator) {
  return [=] { return std::make_unique<AggregateTable>(store, aggregator); };
}

AggregateFunction reduce_function(AggregateFunction combine) {
  return [combine](Bytes key, Bytes value, Bytes current, std::string& out) {
    if (!current.is_null()) return combine(key, value, current, out);
    out = value.view();
    return true;
  };
}

AggregateFunction count_function(int64_t step) {
  return [step](Bytes, Bytes, Bytes current, std::string& out) {
    const int64_t count = current.is_null() ? 0 : Serde<int64_t>::view(current);
    out.clear();
    // Wraps, since the stored count may be anything.
    const auto next = static_cast<uint64_t>(count) + static_cast<uint64_t>(step);
    Serde<int64_t>::encode(static_cast<int64_t>(next), out);
    return true;
  };
}

}  // namespace millrace::operators
