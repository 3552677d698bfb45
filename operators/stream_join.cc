#include <utility>

#include "millrace/operators/detail/operators.h"

#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

/// Forwards a stream's record with its value joined with `row`; an inner join forwards nothing
/// where there is no row. `value` is the buffer of the new value.
void forward_joined(JoinKind kind, Joiner& joiner, const Record& record, const Row& row,
                    std::string& value, ProcessorContext& context) {
  if (!row && kind == JoinKind::kInner) return;
  Record out = record;
  const bool has_value = joiner(record.key, record.value, row.value, value);
  out.value = has_value ? Bytes(value) : Bytes();
  context.forward(out);
}

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
    if (drop_untaken_null(takes_null_key, false, record, context())) return;
    const Row row = record.key.is_null() ? Row() : rows_->as_of(record.key, record.timestamp_ms);
    forward_joined(kind_, joiner_, record, row, value_, context());
  }

 private:
  JoinKind kind_;
  TableView table_;
  Joiner joiner_;
  bool joiner_takes_null_key_;
  std::unique_ptr<RowView> rows_;
  std::string value_;
};

class StreamBroadcastJoin final : public Processor {
 public:
  StreamBroadcastJoin(JoinKind kind, std::string table, KeySelector selector, Joiner joiner)
      : kind_(kind),
        table_(std::move(table)),
        selector_(std::move(selector)),
        joiner_(std::move(joiner)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_ = &context.broadcast(table_);
  }

  void process(const Record& record) override {
    if (drop_untaken_null(selector_.takes_null_key, false, record, context())) return;
    const bool has_key = selector_.call(record.key, record.value, key_);
    const Row row = has_key ? rows_->get(Bytes(key_)) : Row();
    forward_joined(kind_, joiner_, record, row, value_, context());
  }

 private:
  JoinKind kind_;
  std::string table_;
  KeySelector selector_;
  Joiner joiner_;
  const BroadcastRows* rows_ = nullptr;
  std::string key_;
  std::string value_;
};

}  // namespace

ProcessorFactory stream_table_join(JoinKind kind, TableView table, Joiner joiner,
                                   bool joiner_takes_null_key) {
  return
      [=] { return std::make_unique<StreamTableJoin>(kind, table, joiner, joiner_takes_null_key); };
}

ProcessorFactory stream_broadcast_join(JoinKind kind, std::string table, KeySelector selector,
                                       Joiner joiner) {
  return [=] { return std::make_unique<StreamBroadcastJoin>(kind, table, selector, joiner); };
}

}  // namespace millrace::operators
