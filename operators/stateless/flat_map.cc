#include "millrace/operators/detail/operators.h"

#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

class FlatMap final : public Processor {
 public:
  explicit FlatMap(RecordExpander expander) : expander_(std::move(expander)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    emit_.bind(context);
  }
  void process(const Record& record) override {
    if (drop_untaken_null(expander_, record, context())) return;
    answered_ = record;
    expander_.call(record.key, record.value, emit_);
  }

 private:
  RecordExpander expander_;
  Record answered_;
  RawEmit emit_{answered_};
};

class FlatMapValues final : public Processor {
 public:
  explicit FlatMapValues(RecordExpander expander) : expander_(std::move(expander)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    emit_.bind(context);
  }
  void process(const Record& record) override {
    if (drop_untaken_null(expander_.takes_null_key, true, record, context())) return;
    if (record.value.is_null() && !expander_.takes_null_value) return context().forward(record);
    answered_ = record;
    expander_.call(record.key, record.value, emit_);
  }

 private:
  RecordExpander expander_;
  Record answered_;
  RawEmit emit_{answered_};
};

}  // namespace

ProcessorFactory flat_map(RecordExpander expander) {
  return [expander] { return std::make_unique<FlatMap>(expander); };
}

ProcessorFactory flat_map_values(RecordExpander expander) {
  return [expander] { return std::make_unique<FlatMapValues>(expander); };
}

}  // namespace millrace::operators
