#include "millrace/operators/detail/operators.h"

#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

class MapValuesStream final : public Processor {
 public:
  explicit MapValuesStream(ValueMapper mapper) : mapper_(std::move(mapper)) {}

  void process(const Record& record) override {
    if (drop_untaken_null(mapper_.takes_null_key, true, record, context())) return;
    const bool asked = !record.value.is_null() || mapper_.takes_null_value;
    Record out = record;
    out.value = asked && mapper_.call(record.key, record.value, value_) ? Bytes(value_) : Bytes();
    context().forward(out);
  }

 private:
  ValueMapper mapper_;
  std::string value_;
};

Bytes mapped(ValueMapper& mapper, Bytes key, Bytes value, std::string& out) {
  return !value.is_null() && mapper.call(key, value, out) ? Bytes(out) : Bytes();
}

class MapValuesTable final : public Processor {
 public:
  explicit MapValuesTable(ValueMapper mapper) : mapper_(std::move(mapper)) {}

  void process(const Record& record) override {
    Record out = record;
    out.old_value = mapped(mapper_, record.key, record.old_value, old_value_);
    out.value = mapped(mapper_, record.key, record.value, value_);
    if (!out.value.is_null() || !out.old_value.is_null()) context().forward(out);
  }

 private:
  ValueMapper mapper_;
  std::string value_;
  std::string old_value_;
};

}  // namespace

ProcessorFactory map_values_stream(ValueMapper mapper) {
  return [mapper] { return std::make_unique<MapValuesStream>(mapper); };
}

ProcessorFactory map_values_table(ValueMapper mapper) {
  return [mapper] { return std::make_unique<MapValuesTable>(mapper); };
}

TableView map_values_view(TableView table, ValueMapper mapper) {
  return changed_view(std::move(table),
                      [mapper, out = std::string()](Bytes key, Row row) mutable -> Row {
                        return {mapped(mapper, key, row.value, out), row.timestamp_ms};
                      });
}

}  // namespace millrace::operators
