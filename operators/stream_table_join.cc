#include "millrace/operators/detail/operators.h"

namespace millrace::operators {
namespace {

class StreamTableJoin final : public Processor {
 public:
  StreamTableJoin(JoinKind kind, TableView table, Joiner joiner, bool joiner_takes_null_key)
      : kind_(kind),
        table_(std::move(table)),
        joiner_(std::move(joiner)),
        joiner_takes_null_key_(joiner_takes_null_key) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_ = table_.open(context);
  }

  void process(const Record& record) override {
    const bool takes_null_key = kind_ == JoinKind::kLeft && joiner_takes_null_key_;
    if (record.key.is_null() && !takes_null_key) {
      context().count_dropped("null_key");
      return;
    }
    if (record.value.is_null()) {
      context().count_dropped("null_value");
      return;
    }
    const Row row = record.key.is_null() ? Row() : rows_->get(record.key);
    if (!row && kind_ == JoinKind::kInner) return;
    Record out = record;
    const bool has_value = joiner_(record.key, record.value, row.value, value_);
    out.value = has_value ? Bytes(value_) : Bytes();
    context().forward(out);
  }

 private:
  JoinKind kind_;
  TableView table_;
  Joiner joiner_;
  bool joiner_takes_null_key_;
  std::unique_ptr<RowView> rows_;
  std::string value_;
};

}  // namespace

ProcessorFactory stream_table_join(JoinKind kind, TableView table, Joiner joiner,
                                   bool joiner_takes_null_key) {
  return
      [=] { return std::make_unique<StreamTableJoin>(kind, table, joiner, joiner_takes_null_key); };
}

}  // namespace millrace::operators
