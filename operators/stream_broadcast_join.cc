#include <utility>

#include "millrace/operators/detail/operators.h"

namespace millrace::operators {
namespace {

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
    if (record.key.is_null() && !selector_.takes_null_key) {
      context().count_dropped("null_key");
      return;
    }
    if (record.value.is_null()) {
      context().count_dropped("null_value");
      return;
    }
    const bool has_key = selector_.call(record.key, record.value, key_);
    const Row row = has_key ? rows_->get(Bytes(key_)) : Row();
    if (!row && kind_ == JoinKind::kInner) return;
    Record out = record;
    const bool has_value = joiner_(record.key, record.value, row.value, value_);
    out.value = has_value ? Bytes(value_) : Bytes();
    context().forward(out);
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

ProcessorFactory stream_broadcast_join(JoinKind kind, std::string table, KeySelector selector,
                                       Joiner joiner) {
  return [=] { return std::make_unique<StreamBroadcastJoin>(kind, table, selector, joiner); };
}

}  // namespace millrace::operators
