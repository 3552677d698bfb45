#include <utility>

#include "millrace/operators/detail/operators.h"
#include "millrace/operators/detail/versioned/table_joins.h"

#include "operators/joined_record.h"
#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

class StreamTableJoin final : public Processor {
 public:
  StreamTableJoin(TableView table, TableJoin join)
      : table_(std::move(table)), join_(std::move(join)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_ = table_.open(context);
  }

  void process(const Record& record) override {
    const bool takes_null_key = join_.kind == JoinKind::kLeft && join_.joiner_takes_null_key;
    if (drop_untaken_null(takes_null_key, false, record, context())) return;
    const Row row = record.key.is_null() ? Row() : rows_->as_of(record.key, record.timestamp_ms);
    forward_joined(join_.kind, join_.joiner, record, row, value_, context());
  }

 private:
  TableView table_;
  TableJoin join_;
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

ProcessorFactory stream_table_join(TableView table, TableJoin join) {
  return [=] { return std::make_unique<StreamTableJoin>(table, join); };
}

ProcessorFactory stream_broadcast_join(JoinKind kind, std::string table, KeySelector selector,
                                       Joiner joiner) {
  return [=] { return std::make_unique<StreamBroadcastJoin>(kind, table, selector, joiner); };
}

}  // namespace millrace::operators
