#include "millrace/operators/detail/operators.h"

#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

class FilterStream final : public Processor {
 public:
  explicit FilterStream(Predicate predicate) : predicate_(std::move(predicate)) {}

  void process(const Record& record) override {
    if (drop_untaken_null(predicate_.takes_null_key, true, record, context())) return;
    const bool asked = !record.value.is_null() || predicate_.takes_null_value;
    if (!asked || predicate_.call(record.key, record.value)) context().forward(record);
  }

 private:
  Predicate predicate_;
};

class FilterTable final : public Processor {
 public:
  explicit FilterTable(Predicate predicate) : predicate_(std::move(predicate)) {}

  void process(const Record& record) override {
    Record out = record;
    out.value = kept(record.key, record.value);
    out.old_value = kept(record.key, record.old_value);
    if (!out.value.is_null() || !out.old_value.is_null()) context().forward(out);
  }

 private:
  Bytes kept(Bytes key, Bytes value) {
    return !value.is_null() && predicate_.call(key, value) ? value : Bytes();
  }
  Predicate predicate_;
};

}  // namespace

ProcessorFactory filter_stream(Predicate predicate) {
  return [predicate] { return std::make_unique<FilterStream>(predicate); };
}

ProcessorFactory filter_table(Predicate predicate) {
  return [predicate] { return std::make_unique<FilterTable>(predicate); };
}

TableView filter_view(TableView table, Predicate predicate) {
  return changed_view(std::move(table), [predicate](Bytes key, Row row) {
    return row && predicate.call(key, row.value) ? row : Row();
  });
}

}  // namespace millrace::operators
