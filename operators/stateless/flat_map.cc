#include "millrace/operators/detail/operators.h"

#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

class FlatMap final : public Processor {
 public:
  /// `passes_null_values`: one that the expander does not take passes as it is.
  FlatMap(RecordExpander expander, bool passes_null_values)
      : expander_(std::move(expander)), passes_null_values_(passes_null_values) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    emit_.bind(context);
  }
  void process(const Record& record) override {
    const bool takes_null_value = expander_.takes_null_value || passes_null_values_;
    if (drop_untaken_null(expander_.takes_null_key, takes_null_value, record, context())) return;
    if (record.value.is_null() && !expander_.takes_null_value) return context().forward(record);
    answered_ = record;
    expander_.call(record.key, record.value, emit_);
  }

 private:
  RecordExpander expander_;
  const bool passes_null_values_;
  Record answered_;
  RawEmit emit_{answered_};
};

}  // namespace

ProcessorFactory flat_map(RecordExpander expander) {
  return [expander] { return std::make_unique<FlatMap>(expander, false); };
}

ProcessorFactory flat_map_values(RecordExpander expander) {
  return [expander] { return std::make_unique<FlatMap>(expander, true); };
}

}  // namespace millrace::operators
